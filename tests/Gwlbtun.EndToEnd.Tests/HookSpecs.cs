using System.Net;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

public sealed class HookSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Fact]
    public async Task Should_call_hooks_with_their_arguments_and_variables_while_the_devices_exist()
    {
        var hook = Script("hook", """
            echo "called $* in $GWLBTUN_ACTION $GWLBTUN_IN_INTERFACE $GWLBTUN_OUT_INTERFACE $GWLBTUN_ENI $GWLBTUN_VPCE_ID with $FLAVOUR"
            ip -o link show dev "$2" up
            ip -o link show dev "$3" up
            """);
        Variables["FLAVOUR"] = "vanilla";
        var gwlbtun = await StartAsync("-c", hook, "-r", hook);
        var flow = new GwlbFlow(Eni, 1);
        Gwlb.Send(flow, flow.Packet(0));
        await gwlbtun.Program.WaitForLineAsync(Called("CREATE"));
        await gwlbtun.Program.WaitForLineAsync($@"{EniText}.*CREATE.* {Gwi}: <.*\bUP\b");
        await gwlbtun.Program.WaitForLineAsync($@"{EniText}.*CREATE.* {Gwo}: <.*\bUP\b");

        await gwlbtun.StopAsync();
        await gwlbtun.Program.WaitForLineAsync(Called("DESTROY"));
        await gwlbtun.Program.WaitForLineAsync($@"{EniText}.*DESTROY.* {Gwi}: <.*\bUP\b");
        await gwlbtun.Program.WaitForLineAsync($@"{EniText}.*DESTROY.* {Gwo}: <.*\bUP\b");

        static string Called(string action) => $"{EniText}.*called {action} {Gwi} {Gwo} {EniText} in {action} {Gwi} {Gwo} {EniText} vpce-{EniText} with vanilla";
    }

    [Fact]
    public async Task Should_run_a_shell_line_when_the_hook_is_one()
    {
        var log = Path.Combine(Folder, "hook.log");
        var hook = Script("hook", $"echo \"$X $*\"; exec {Passthrough} \"${{@:2}}\"");
        await StartAsync("-c", $"X=1 {hook} --flag >> {log} 2>&1");
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);
        Assert.StartsWith($"1 --flag CREATE {Gwi} {Gwo} {EniText}\n", await File.ReadAllTextAsync(log), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_end_a_hook_and_its_children_when_it_exceeds_its_time()
    {
        Variables["GWLBTUN_HOOKS_TIMEOUT"] = "4s";
        Variables["GWLBTUN_HOOKS_KILL_GRACE"] = "300ms";
        var pids = Path.Combine(Folder, "pids");
        var gwlbtun = await StartAsync("-j", "-c", Script("stubborn", $"trap '' TERM; sleep 1000 & echo $$ $! > {pids}; {Passthrough} \"$@\"; wait"));
        // on-create-failure is "continue": the tunnel carries traffic all the same.
        var start = TimeProvider.System.GetTimestamp();
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);

        await gwlbtun.Program.WaitForLineAsync("SIGKILL");
        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(30), "its time was not the one that was given");
        string[] both = (await File.ReadAllTextAsync(pids)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, both.Length);
        Assert.True(SpinWait.SpinUntil(() => !both.Any(IsRunning), Wait.Patience), $"{string.Join(' ', both.Where(IsRunning))} still runs");
        var hooks = (await gwlbtun.GetReportAsync()).GetProperty("hooks");
        Assert.Equal(1, hooks.GetProperty("timedOut").GetInt32());
    }

    [Fact]
    public async Task Should_log_and_count_a_failed_hook_and_carry_traffic_all_the_same()
    {
        var gwlbtun = await StartAsync("-j", "-c", Script("failing", $"{Passthrough} \"$@\"; exit 7"));
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);
        await gwlbtun.Program.WaitForLineAsync($@"{EniText}.*CREATE.*\b7\b");
        Assert.Equal(1, (await gwlbtun.GetReportAsync()).GetProperty("hooks").GetProperty("failed").GetInt32());
        Assert.Equal(HttpStatusCode.OK, (await gwlbtun.GetHealthAsync()).Status);
    }

    [Fact]
    public async Task Should_run_hooks_of_different_endpoints_side_by_side()
    {
        // Each waits for all.
        const int Endpoints = 8;
        var begun = Directory.CreateDirectory(Path.Combine(Folder, "begun")).FullName;
        await StartAsync("-c", Script("slow", $"touch {begun}/$4; until [ $(ls {begun} | wc -l) = {Endpoints} ]; do sleep 0.02; done; exec {Passthrough} \"$@\""));
        GwlbFlow[] flows = [.. Enumerable.Range(0, Endpoints).Select(n => new GwlbFlow(Eni + (ulong)n, n))];
        foreach (var flow in flows)
            Gwlb.Send(flow, flow.Packet(0));
        foreach (var _ in flows)
            await Gwlb.ReceiveAsync();
    }

    private static bool IsRunning(string pid)
    {
        try
        {
            return !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it has ended
        }
    }
}
