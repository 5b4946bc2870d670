using System.Globalization;
using System.Text.RegularExpressions;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>
/// Inline inspection. Suricata is not among the packages of every distribution that the tests run on, so a small program stands for it, which
/// reads the queues in the same way.
/// </summary>
public sealed partial class InspectionSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private readonly List<RunningProgram> _programs = [];
    private ClientAndServer _sides = null!;
    private WebServer _web = null!;

    [Fact]
    public async Task Should_carry_real_traffic_when_it_is_spread_over_queues()
    {
        await BeginAsync("2:3");
        var inspector = await InspectAsync("2:3", "FORBIDDEN");
        foreach (var address in ClientAndServer.BehindTheLoadBalancer)
        {
            _sides.Client.Execute("ping", "-q", "-c", "3", "-i", "0.05", "-W", "60", "-s", "8400", "-M", "do", address);
            await _web.FetchAsync(_sides.Client, address);
        }

        await StopAsync(inspector);
        // Which addresses go to which queue is the kernel's choice, another one after each boot.
        var inspected = Inspected().Matches(inspector.Log);
        Assert.Equal(2, inspected.Count);
        Assert.NotEqual(0, inspected.Sum(queue => int.Parse(queue.Groups[1].Value, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Should_drop_what_the_inspector_drops_and_pass_everything_while_nobody_inspects()
    {
        await BeginAsync("0");
        foreach (var address in ClientAndServer.BehindTheLoadBalancer)
        {
            Assert.Equal(0, await AskForTheForbiddenAsync(address));
            var inspector = await InspectAsync("0", "FORBIDDEN");
            await using (var curl = WebServer.Curl(_sides.Client, address, "FORBIDDEN"))
            {
                // TCP asks again, and again.
                await inspector.WaitForLineAsync("dropped", occurrence: 3);
                Assert.False(curl.HasExited);
            }
            await StopAsync(inspector);
            Assert.Equal(0, await AskForTheForbiddenAsync(address));
        }
    }

    [Fact]
    public async Task Should_pass_what_a_full_queue_has_no_room_for_when_the_inspector_asks_for_that()
    {
        await BeginAsync("0");
        await InspectAsync("0", "--asleep");
        // The first one stays in the queue; each of the others, for which there is no room, is answered.
        await using var first = Ping("2");
        await first.WaitForExitAsync();
        Assert.NotEqual(0, first.ExitCode);
        for (var n = 0; n < 4; n++)
        {
            await using var next = Ping("60");
            Assert.Equal(0, await next.WaitForExitAsync(2 * Wait.Patience));
        }
    }

    public override async Task DisposeAsync()
    {
        foreach (var program in _programs)
            await program.DisposeAsync(Output);
        await base.DisposeAsync();
    }

    private async Task BeginAsync(string queue)
    {
        _sides = new ClientAndServer(Lab);
        Variables["HOOK_QUEUE"] = queue;
        // The emulator takes the place of the test's own load balancer.
        Gwlb.Dispose();
        var hook = Artifacts.ExampleScript("create-suricata-nfqueue.sh");
        await StartAsync("-c", hook, "-r", hook);
        _programs.Add((await EmulatorProcess.BridgeAsync(Lab, _sides.Client, _sides.Server)).Program);
        _sides.Address();
        _web = await WebServer.StartAsync(_sides.Server, Folder);
        _programs.Add(_web.Program);
    }

    private RunningProgram Ping(string seconds) =>
        RunningProgram.Start(["ip", "netns", "exec", _sides.Client.Name, "ping", "-q", "-c", "1", "-W", seconds, ClientAndServer.BehindTheLoadBalancer[0]]);

    private async Task<RunningProgram> InspectAsync(string queue, string word)
    {
        var program = Repository.PathOf("tests/Gwlbtun.EndToEnd.Tests/Programs/queue-inspector.py");
        var inspector = RunningProgram.Start(["ip", "netns", "exec", Lab.Appliance.Name, "python3", program, queue, word]);
        _programs.Add(inspector);
        await inspector.WaitForLineAsync("^ready$");
        return inspector;
    }

    private static async Task StopAsync(RunningProgram inspector)
    {
        inspector.Signal(Signals.Terminate);
        Assert.Equal(0, await inspector.WaitForExitAsync());
    }

    /// <summary>What curl ends with; that there is no such file is an answer, too.</summary>
    private async Task<int> AskForTheForbiddenAsync(string address)
    {
        await using var curl = WebServer.Curl(_sides.Client, address, "FORBIDDEN");
        return await curl.WaitForExitAsync(2 * Wait.Patience);
    }

    [GeneratedRegex("inspected ([0-9]+) in queue")]
    private static partial Regex Inspected();
}
