using Gwlbtun.Actors.Tests.Gateway;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Actors.Tests.Tunnels;

public sealed class TunnelRebuildSpecs : GatewayKit
{
    private static readonly TimeSpan _firstBackoff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan _parkTime = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData("link del", "gwi-")]
    [InlineData("link del", "gwo-")]
    [InlineData("link set down dev", "gwi-")]
    [InlineData("link set down dev", "gwo-")]
    public async Task Should_rebuild_the_pair_and_keep_its_flows_when_a_device_fails(string fault, string device)
    {
        await StartAsync();
        Send(3);
        await DeliveredAsync(3);
        await CreatedAsync();

        Ip($"{fault} {(device == "gwi-" ? Gwi : Gwo)}");

        await Log.Contains("Rebuilding in 200 ms");
        var broken = await ReportAsync();
        Assert.False(broken.Healthy);
        Assert.Equal("rebuilding", broken.Enis[0].State);
        Assert.Contains(device, broken.Enis[0].Problem, StringComparison.Ordinal);
        await Log.Contains("DESTROY hook succeeded");
        Send(2);
        Advance(_firstBackoff);
        await CreatedAsync(times: 2);
        await DeliveredAsync(5);
        var rebuilt = await ReportAsync();
        Assert.True(rebuilt.Healthy);
        Assert.Equal(("live", 1, 0ul), (rebuilt.Enis[0].State, rebuilt.Enis[0].Restarts, rebuilt.Enis[0].PacketsDropped));
        Assert.Equal(1, rebuilt.Enis[0].FlowCaches.Single(cache => cache is { Family: "v4", Protocol: "Udp" }).Size);
        Assert.Equal((1, 0), (rebuilt.Enis[0].FlowTable?.Size, rebuilt.Enis[0].Fragments?.Size));
        Assert.Equal((DataPlane.Registry.Current.Find(Eni)!.Matcher!.Flows.MemoryBytes, 0), (rebuilt.Enis[0].FlowTable?.MemoryBytes, rebuilt.Enis[0].FlowTable?.Evicted));
        Assert.Equal(["CREATE", "DESTROY", "CREATE"], HookLines);
    }

    [Fact]
    public async Task Should_park_the_endpoint_with_its_reason_when_it_fails_too_often()
    {
        await WhileNameIsTakenAsync(async () =>
        {
            await StartAsync(environment: ("GWLBTUN_RESTART_MAX_TRIES", "2"));
            Send();
            await FailUntilParkedAsync();

            var report = await ReportAsync(report => report.Drops[DropReason.EniParked] == 1);
            Assert.False(report.Healthy);
            Assert.Equal("parked", report.Enis[0].State);
            Assert.Contains(Gwi, report.Enis[0].Problem, StringComparison.Ordinal);
            Assert.Empty(HookLines);
            Send();
            await ReportAsync(report => report.Drops[DropReason.EniParked] == 2);
        });
    }

    [Fact]
    public async Task Should_go_on_forgetting_the_idle_flows_of_a_parked_endpoint()
    {
        await StartAsync(environment: [("GWLBTUN_RESTART_MAX_TRIES", "1"), ("GWLBTUN_FLOWS_IDLE_TIMEOUT_UDP", "1s")]);
        Send();
        await CreatedAsync();
        await DeliveredAsync(1);
        for (var failures = 1; (await EniAsync()).State != "parked"; failures++)
        {
            Ip($"link delete {Gwi}");
            await UntilAsync(async () => (await EniAsync()).State is "parked" or "rebuilding");
            if ((await EniAsync()).State == "parked")
                break;
            // The timer has been set then.
            await Log.Contains("Rebuilding in", times: failures);
            Advance(_firstBackoff * failures);
            await CreatedAsync(failures + 1);
        }

        await UntilAsync(async () =>
        {
            Advance(TimeSpan.FromSeconds(1));
            return (await EniAsync()).FlowTable?.Size == 0;
        });
        Assert.Equal("parked", (await EniAsync()).State);
    }

    [Fact]
    public async Task Should_try_a_parked_endpoint_anew_with_a_fresh_count_after_its_time()
    {
        await WhileNameIsTakenAsync(async () =>
        {
            await StartAsync(environment: ("GWLBTUN_RESTART_MAX_TRIES", "2"));
            Send();
            await FailUntilParkedAsync();
            await Log.Contains("parked, its packets are dropped for 300 s, then it is tried anew");

            Advance(_parkTime);

            await Log.Contains("tried anew after it was parked");
            await Log.Contains("Rebuilding in 200 ms (failure 1;", times: 2);
            Assert.Equal("rebuilding", (await EniAsync()).State);
            // It waits again.
            Send(2);
        });

        Advance(_firstBackoff);
        await CreatedAsync();
        await DeliveredAsync(2);
        var report = await ReportAsync();
        Assert.True(report.Healthy);
        Assert.Equal(("live", 4), (report.Enis[0].State, report.Enis[0].Restarts));
    }

    [Fact]
    public async Task Should_park_for_good_when_the_park_time_is_none()
    {
        await WhileNameIsTakenAsync(async () =>
        {
            await StartAsync(environment: [("GWLBTUN_RESTART_MAX_TRIES", "2"), ("GWLBTUN_RESTART_PARK_TIMEOUT", "0s")]);
            Send();
            await FailUntilParkedAsync();
            await Log.Contains("parked, its packets are dropped until the handler is restarted");

            Advance(TimeSpan.FromHours(1));

            await SettledAsync("tunnels");
            Assert.Equal("parked", (await EniAsync()).State);
        });
    }

    [Fact]
    public async Task Should_run_a_CREATE_hook_that_failed_again_after_the_park_time()
    {
        await StartAsync(
            create: "[ -e /tmp/$4 ] || { touch /tmp/$4; exit 3; }",
            environment: ("GWLBTUN_HOOKS_ON_CREATE_FAILURE", "retire"));
        try
        {
            Send();
            await Log.Contains("parked");
            await Log.Contains("DESTROY hook succeeded");

            Advance(_parkTime);

            await CreatedAsync();
            Assert.True((await ReportAsync()).Healthy);
            Assert.Equal(["CREATE", "DESTROY", "CREATE"], HookLines);
        }
        finally
        {
            File.Delete($"/tmp/{EniName.Hex17(Eni)}");
        }
    }

    [Fact]
    public async Task Should_wait_for_DESTROY_of_the_former_pair_before_the_next_is_made()
    {
        using var gate = new HookGate();
        await StartAsync(destroy: $"read go < {gate.Path}; [ -e /sys/class/net/{Gwi} ] && echo too early");
        Send();
        await CreatedAsync();
        Ip($"link del {Gwi}");
        await Log.Contains("hook: DESTROY");
        await Log.Contains("Rebuilding in");

        Advance(_firstBackoff);
        await Log.Contains("hook: DESTROY");
        gate.Open();

        await CreatedAsync(times: 2);
        Assert.Equal(["CREATE", "DESTROY", "CREATE"], HookLines);
    }

    [Fact]
    public async Task Should_let_a_hook_take_a_device_down_and_up_again()
    {
        await StartAsync(create: "ip link set $2 down; ip link set $2 mtu 4000 up");

        Send();

        await DeliveredAsync(1);
        Assert.Equal(0, (await EniAsync()).Restarts);
    }

    [Fact]
    public async Task Should_fail_when_the_hook_leaves_a_device_down()
    {
        await StartAsync(create: "ip link set $2 down");

        Send();

        await Log.Contains($"tunnel failed: {Gwi} is down or deleted");
    }

    [Fact]
    public async Task Should_rebuild_when_a_device_is_deleted_while_its_CREATE_hook_runs()
    {
        await StartAsync(create: "[ -e /tmp/$4 ] || { touch /tmp/$4; ip link del $2; }");
        try
        {
            Send();
            await Log.Contains("tunnel failed");

            Advance(_firstBackoff);

            await DeliveredAsync(1);
            Assert.Equal(["CREATE", "DESTROY", "CREATE"], HookLines);
        }
        finally
        {
            File.Delete($"/tmp/{EniName.Hex17(Eni)}");
        }
    }

    /// <summary>Fails as often as RESTART_MAX_TRIES = 2 lets it.</summary>
    private async Task FailUntilParkedAsync()
    {
        await Log.Contains("Rebuilding in 200 ms");
        Advance(_firstBackoff);
        await Log.Contains("Rebuilding in 400 ms");
        Advance(2 * _firstBackoff);
        await Log.Contains("parked");
    }

    /// <summary>While a device that is not multi-queue holds the name, the endpoint's cannot be made.</summary>
    private async Task WhileNameIsTakenAsync(Func<Task> act)
    {
        Ip($"tuntap add dev {Gwi} mode tun");
        try
        {
            await act();
        }
        finally
        {
            Ip($"tuntap del dev {Gwi} mode tun");
        }
    }
}
