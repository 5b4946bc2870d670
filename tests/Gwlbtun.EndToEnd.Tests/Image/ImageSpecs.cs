using System.Globalization;
using System.Net;
using System.Numerics;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>Containers of the image, in the appliance's network, between an emulated load balancer's client and server.</summary>
[Collection(Alone.Name)]
public sealed class ImageSpecs(ImageBuild image, ITestOutputHelper output) : ApplianceSpecs(output), IClassFixture<ImageBuild>
{
    private const string Route = "./create-route.sh";

    // Link-local addresses come by themselves, some time after a device is up.
    private const string Snapshot = """
        for v in -4 -6; do ip $v rule; ip $v route show table all | grep -v fe80; done
        iptables-save | grep ^-A; ip6tables-save | grep ^-A; nft -s list ruleset; ip -o link | cut -d : -f 2
        true
        """;

    // What a host that forwards gives to all its network, or `docker run --sysctl` to one container: a container cannot do it itself.
    private static readonly string[] _sysctls =
    [
        "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
    ];

    private EmulatorProcess? _emulator;
    private RealTraffic? _traffic;
    private Container? _container;

    [Fact]
    public async Task Should_carry_real_traffic_when_run_as_it_comes()
    {
        var sides = Prepare();
        var before = Snapshots();
        await StartAsync(image.Root, isReadOnly: false, []);
        await BridgeAsync(sides);
        sides.AnswerThroughTheSecondLeg();
        await RouteBackAsync(sides);

        await CarryAsync(sides, ClientAndServer.BehindTheSecondLeg, GwlbtunProcess.HealthPort);

        Assert.Equal(before, Snapshots());
    }

    public static TheoryData<string, bool> Variants => new() { { nameof(ImageBuild.Root), true }, { nameof(ImageBuild.NonRoot), true }, { nameof(ImageBuild.NonRoot), false } };

    [Theory]
    [MemberData(nameof(Variants))]
    public async Task Should_carry_real_traffic_and_undo_its_hook_when_run(string stage, bool isReadOnly)
    {
        const int port = 9060;
        var sides = Prepare();
        var before = Snapshots();
        await StartAsync(image.Stage(stage), isReadOnly, ["-c", Route, "-r", Route, "-p", $"{port}"], new() { ["HOOK_ROUTE"] = "back" });
        await BridgeAsync(sides);

        await CarryAsync(sides, ClientAndServer.BehindTheLoadBalancer, port);

        Assert.Equal(before, Snapshots());
    }

    [Fact]
    public async Task Should_be_unhealthy_while_it_drains()
    {
        Prepare();
        await StartAsync(image.NonRoot, isReadOnly: true, [], new() { ["GWLBTUN_SHUTDOWN_DRAIN"] = "60s" });
        Assert.Equal(0, _container!.CheckHealth());

        _container.Gwlbtun.Program.Signal(Signals.Terminate);
        await _container.Gwlbtun.WaitForHealthAsync(HttpStatusCode.ServiceUnavailable);
        Assert.NotEqual(0, _container.CheckHealth());
        await _container.Gwlbtun.StopAsync();
    }

    [Fact]
    public async Task Should_say_what_to_set_on_the_host_when_it_cannot_switch_the_reverse_path_filter_off()
    {
        Prepare();
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv4.conf.default.rp_filter=1");
        await StartAsync(image.NonRoot, isReadOnly: true, ["-c", "./create-passthrough.sh"]);
        await Gwlb.EchoAsync(new LoadBalancer.GwlbFlow(Eni, 1), 0);
        await _container!.Gwlbtun.Program.WaitForLineAsync(@"rp_filter = 1.*net\.ipv4\.conf\.default\.rp_filter");
        await _container.Gwlbtun.StopAsync();
    }

    public override async Task DisposeAsync()
    {
        if (_container is not null)
            await _container.Gwlbtun.Program.DisposeAsync(Output);
        if (_emulator is not null)
            await _emulator.Program.DisposeAsync(Output);
        if (_traffic is not null)
            await _traffic.DisposeAsync(Output);
        await base.DisposeAsync();
    }

    private ClientAndServer Prepare()
    {
        Lab.Appliance.Execute("sh", "-c", ExampleScriptSpecs.UseIptables);
        Lab.Appliance.Execute(["sysctl", "-qw", .. _sysctls]);
        return new ClientAndServer(Lab);
    }

    private async Task StartAsync(ImageStage stage, bool isReadOnly, string[] arguments, Dictionary<string, string>? environment = null) =>
        _container = await Container.StartAsync(stage, Lab.Appliance, Folder, isReadOnly, arguments, environment ?? []);

    private async Task BridgeAsync(ClientAndServer sides)
    {
        // The emulator takes the place of the test's own load balancer.
        Gwlb.Dispose();
        _emulator = await EmulatorProcess.BridgeAsync(Lab, sides.Client, sides.Server);
        sides.Address();
        _traffic = await RealTraffic.StartAsync(sides.Client, sides.Server, Folder);
    }

    /// <summary>What create-route.sh leaves to the host: the way back, once the first packet has had the devices made.</summary>
    private async Task RouteBackAsync(ClientAndServer sides)
    {
        await using var ping = RunningProgram.Start(["ip", "netns", "exec", sides.Client.Name, "ping", "-i", "0.1", ClientAndServer.BehindTheSecondLeg[0]]);
        await _container!.Gwlbtun.Program.WaitForLineAsync("routed by this host");
        Lab.Appliance.Ip("-4", "route", "add", ClientAndServer.ClientNetwork4, "dev", Gwo);
        Lab.Appliance.Ip("-6", "route", "add", ClientAndServer.ClientNetwork6, "dev", Gwo);
        await ping.WaitForLineAsync("bytes from");
    }

    private async Task CarryAsync(ClientAndServer sides, IReadOnlyList<string> addresses, int healthPort)
    {
        Assert.Equal(Container.Capabilities.Count, BitOperations.PopCount(EffectiveCapabilities()));
        await _traffic!.CarryAsync(addresses);
        Assert.Equal(0, _container!.CheckHealth());
        Assert.Contains($":{healthPort} ", Lab.Appliance.Execute("ss", "-Hltn"), StringComparison.Ordinal);
        await _emulator!.StopAsync();
        await _container.Gwlbtun.StopAsync();
    }

    /// <summary>Those of the gwlbtun in the appliance's namespace, by /proc/PID/status.</summary>
    private ulong EffectiveCapabilities()
    {
        var statuses = Command.Run("ip", "netns", "pids", Lab.Appliance.Name).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(pid => File.ReadAllLines($"/proc/{pid}/status"));
        var field = statuses.Single(status => status[0] == "Name:\tgwlbtun").Single(line => line.StartsWith("CapEff:", StringComparison.Ordinal));
        return ulong.Parse(field.Split('\t')[1], NumberStyles.AllowHexSpecifier);
    }

    private string[] Snapshots() => Lab.Appliance.Execute("bash", "-c", Snapshot).Split('\n');
}
