using Akka.Actor;
using Gwlbtun.Actors.Receiving;
using Gwlbtun.Actors.Tests.Gateway;
using Gwlbtun.Actors.Tunnels;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Actors.Tests.Tunnels;

public sealed class TunnelRetirementSpecs : GatewayKit
{
    private static readonly TimeSpan _flushTime = TimeSpan.FromMilliseconds(50);
    private static readonly (string, string) _idleSoon = ("GWLBTUN_TUNNEL_IDLE_TIMEOUT", "100ms");

    [Fact]
    public async Task Should_run_DESTROY_while_the_devices_exist_and_forget_the_endpoint_when_it_is_idle()
    {
        await StartAsync(destroy: "cat /sys/class/net/$2/mtu /sys/class/net/$3/mtu", environment: _idleSoon);
        Send();
        await CreatedAsync();

        await IdleAsync("hook: DESTROY");

        await Log.Contains("destroyed: idle in both directions");
        await ReportAsync(report => report.Enis.Count == 0);
        Assert.Equal(["CREATE", "DESTROY", "8500", "8500"], HookLines);
        await GoneAsync(Gwi);
        Assert.Empty(DataPlane.Registry.Current.Gates);
    }

    [Fact]
    public async Task Should_make_the_tunnel_anew_when_packets_come_while_it_is_taken_down()
    {
        using var gate = new HookGate();
        await StartAsync(destroy: $"read go < {gate.Path}", environment: _idleSoon);
        Send();
        await CreatedAsync();
        await IdleAsync("hook: DESTROY");
        Send(5);
        await ReportAsync(report => report.Receivers.Sum(thread => (long)thread.Packets) == 6);

        gate.Open();

        await DeliveredAsync(6);
        Assert.Equal(["CREATE", "DESTROY", "CREATE"], HookLines);
        Assert.Equal(0ul, (await EniAsync()).PacketsDropped);
    }

    [Fact]
    public async Task Should_keep_an_endpoint_that_has_traffic()
    {
        await StartAsync(environment: ("GWLBTUN_TUNNEL_IDLE_TIMEOUT", "1h"));
        Send();
        await CreatedAsync();

        Advance(TimeSpan.FromHours(2));

        await SettledAsync("lifecycle");
        Assert.Equal("live", (await EniAsync()).State);
        Assert.Equal(["CREATE"], HookLines);
    }

    [Fact]
    public async Task Should_count_the_drops_of_endpoints_that_are_gone()
    {
        using var gate = new HookGate();
        await StartAsync(create: $"read go < {gate.Path}", environment: [_idleSoon, ("GWLBTUN_TUNNEL_HOLD_PACKETS_PER_ENI", "1")]);
        Send(4);
        await ReportAsync(report => report.Drops[DropReason.HoldOverflow] == 3);
        gate.Open();
        await CreatedAsync();

        await IdleAsync("destroyed: idle");

        var report = await ReportAsync(report => report.Enis.Count == 0);
        Assert.Equal(3ul, report.Drops[DropReason.HoldOverflow]);
    }

    [Fact]
    public async Task Should_retire_every_tunnel_and_admit_no_other_when_the_handler_stops()
    {
        await StartAsync();
        Send();
        Send(eni: Eni ^ 1);
        await Log.Contains("created", times: 2);

        var retired = Gateway.Ask<TunnelsRetired>(new RetireTunnels(), Wait.Patience);
        await ReportAsync(report => report.Enis.All(eni => eni.State == "retiring"));
        Advance(_flushTime);
        await retired;

        Assert.Equal(2, HookLines.Count(line => line == "DESTROY"));
        await GoneAsync(Gwi);
        await GoneAsync(Gwo);
        Send(eni: Eni ^ 2);
        await ReportAsync(report => DataPlane.Registry.Current.Find(Eni ^ 2)?.Counters is { } counters && Refused(counters) == 1);
    }

    [Fact]
    public async Task Should_let_CREATE_end_and_run_DESTROY_when_the_handler_stops_meanwhile()
    {
        using var gate = new HookGate();
        await StartAsync(create: $"read go < {gate.Path}");
        Send();
        await Log.Contains("hook: CREATE");

        var retired = Gateway.Ask<TunnelsRetired>(new RetireTunnels(), Wait.Patience);
        await ReportAsync(report => report.Enis[0].State == "retiring");
        Advance(_flushTime);
        gate.Open();
        await retired;

        Assert.Equal(["CREATE", "DESTROY"], HookLines);
        await GoneAsync(Gwi);
    }

    [Fact]
    public async Task Should_wait_for_the_DESTROY_of_a_failed_tunnel_when_the_handler_stops()
    {
        using var gate = new HookGate();
        await StartAsync(destroy: $"read go < {gate.Path}; echo done");
        Send();
        await CreatedAsync();
        Ip($"link del {Gwi}");
        await Log.Contains("hook: DESTROY");
        await Log.Contains("Rebuilding in");

        var retired = Gateway.Ask<TunnelsRetired>(new RetireTunnels(), Wait.Patience);
        gate.Open();
        await retired;

        Assert.Equal(["CREATE", "DESTROY", "done"], HookLines);
    }

    [Fact]
    public async Task Should_end_every_data_thread_and_say_so_in_reports_when_stopped_in_order()
    {
        await StartAsync();
        Send();
        await CreatedAsync();

        Gateway.Tell(new Actors.Gateway.BeginShutdown());
        Assert.Equal(["The handler is shutting down."], (await ReportAsync()).Problems);
        await Gateway.Ask<ReceivingStopped>(new StopReceiving(), Wait.Patience);
        var retired = Gateway.Ask<TunnelsRetired>(new RetireTunnels(), Wait.Patience);
        await ReportAsync(report => report.Enis.All(eni => eni.State == "retiring"));
        Advance(_flushTime);
        await retired;
        await Gateway.Ask<Actors.Gateway.DataPlaneStopped>(new Actors.Gateway.StopDataPlane(), Wait.Patience);

        Assert.False((await ReportAsync()).Healthy);
    }

    private static ulong Refused(Native.Forwarding.EniCounters counters)
    {
        var drops = new ulong[DropReasons.Count];
        counters.AddDropsTo(drops);
        return drops[(int)DropReason.EniRetired];
    }

    /// <summary>Lets time pass, real time too since packets are stamped with it, until a line is logged.</summary>
    private async Task IdleAsync(string line)
    {
        var logged = Log.Contains(line);
        while (!logged.IsCompleted)
        {
            await Task.WhenAny(logged, Task.Delay(50));
            Advance(TimeSpan.FromMilliseconds(50));
        }

        await logged;
    }
}
