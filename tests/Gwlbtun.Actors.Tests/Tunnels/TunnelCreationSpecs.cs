using Gwlbtun.Actors.Tests.Gateway;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Actors.Tests.Tunnels;

public sealed class TunnelCreationSpecs : GatewayKit
{
    [Fact]
    public async Task Should_deliver_everything_that_waited_when_the_CREATE_hook_has_ended()
    {
        const int waiting = 1000;
        using var gate = new HookGate();
        await StartAsync(create: $"read go < {gate.Path}");
        Send(waiting);
        await Log.Contains("hook: CREATE");
        await ReportAsync(report => report.Receivers.Sum(thread => (long)thread.Packets) == waiting);
        var before = await EniAsync();

        gate.Open();

        await DeliveredAsync(waiting);
        await CreatedAsync();
        Assert.Equal(("creating", 0ul), (before.State, before.In.PacketsOut));
        var after = await EniAsync();
        Assert.Equal(("live", 0ul), (after.State, after.PacketsDropped));
    }

    [Fact]
    public async Task Should_serve_other_endpoints_when_one_CREATE_hook_hangs()
    {
        using var gate = new HookGate();
        var other = Eni ^ 1;
        await StartAsync(create: $"[ $4 != {EniName.Hex17(Eni)} ] || read go < {gate.Path}");
        Send();
        await Log.Contains("hook: CREATE");

        Send(eni: other);

        await ReportAsync(report => report.Enis.Single(eni => eni.EniId == Eni).State == "creating" && report.Enis.SingleOrDefault(eni => eni.EniId == other)?.In.PacketsOut == 1);
        gate.Open();
        await DeliveredAsync(1);
    }

    [Fact]
    public async Task Should_carry_traffic_all_the_same_when_CREATE_fails()
    {
        await StartAsync(create: "exit 3");

        Send();

        await DeliveredAsync(1);
        var report = await ReportAsync();
        Assert.True(report.Healthy);
        Assert.Equal(1ul, report.Hooks.Failed);
    }

    [Fact]
    public async Task Should_park_the_endpoint_when_CREATE_fails_and_is_to_retire_it()
    {
        await StartAsync(create: "exit 3", environment: ("GWLBTUN_HOOKS_ON_CREATE_FAILURE", "retire"));

        Send(2);

        await Log.Contains("parked");
        var report = await ReportAsync(report => report.Drops[DropReason.EniParked] == 2);
        Assert.False(report.Healthy);
        Assert.Equal(("parked", "CREATE hook failed: exit code 3"), (report.Enis[0].State, report.Enis[0].Problem));
        await Log.Contains("hook: DESTROY");
        Assert.Equal(["CREATE", "DESTROY"], HookLines);
    }

    [Fact]
    public async Task Should_go_on_when_CREATE_hangs_until_it_is_ended()
    {
        await StartAsync(create: "exec sleep 1000");
        Send();
        await Log.Contains("hook: CREATE");

        Advance(TimeSpan.FromSeconds(30));

        await DeliveredAsync(1);
        Assert.Equal(1ul, (await ReportAsync()).Hooks.TimedOut);
    }

    [Fact]
    public async Task Should_leave_no_egress_device_and_no_flow_table_when_return_traffic_is_off()
    {
        await StartAsync(create: "echo out=$3", environment: ("GWLBTUN_TUNNEL_RETURN_TRAFFIC", "off"));

        Send();

        await DeliveredAsync(1);
        var eni = await EniAsync();
        Assert.Null(eni.Out);
        Assert.Empty(eni.FlowCaches);
        Assert.Equal((true, false), (DeviceExists(Gwi), DeviceExists(Gwo)));
        Assert.Contains("out=none", HookLines);
        await Log.Contains($"tunnel {Gwi} created");
    }

    [Fact]
    public async Task Should_switch_reverse_path_filtering_off_again_after_the_hook_and_after_udev()
    {
        var filter = $"/proc/sys/net/ipv4/conf/{Gwi}/rp_filter";
        await StartAsync(create: $"cat {filter}; echo 2 > {filter}");
        Send();
        await CreatedAsync();
        var afterHook = await File.ReadAllTextAsync(filter);
        await File.WriteAllTextAsync(filter, "2");

        Advance(TimeSpan.FromMilliseconds(250));

        await UntilAsync(async () => (await File.ReadAllTextAsync(filter)).Trim() == "0");
        Assert.Equal("0", afterHook.Trim());
        Assert.Equal(["CREATE", "0"], HookLines);
    }
}
