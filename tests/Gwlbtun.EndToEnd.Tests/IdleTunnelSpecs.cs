using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

public sealed class IdleTunnelSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private static readonly TimeSpan _activeFor = TimeSpan.FromSeconds(6.5);

    [Fact]
    public async Task Should_take_an_idle_tunnel_down_and_build_it_again_when_traffic_returns()
    {
        var gwlbtun = await StartIdleAsync();
        var flow = new GwlbFlow(Eni, 1);
        await Gwlb.EchoAsync(flow, 0);
        await DestroyedAsync(gwlbtun);

        await Gwlb.EchoAsync(flow, 1);
        await gwlbtun.Program.WaitForLineAsync($"hook CREATE {Gwi}", occurrence: 2);
        Assert.Equal(2, gwlbtun.Program.CountLines($"hook CREATE {Gwi}"));
    }

    [Fact]
    public async Task Should_keep_a_tunnel_that_only_receives()
    {
        var gwlbtun = await StartIdleAsync();
        var flow = new GwlbFlow(Eni, 1);
        await Gwlb.EchoAsync(flow, 0);
        // Nothing comes back from here on.
        Lab.Appliance.Execute("tc", "qdisc", "del", "dev", Gwi, "ingress");

        await RepeatAsync(sequence => Gwlb.Send(flow, flow.Packet(sequence)));
        Assert.Equal(0, gwlbtun.Program.CountLines("hook DESTROY"));
        await DestroyedAsync(gwlbtun);
    }

    [Fact]
    public async Task Should_keep_a_tunnel_that_only_sends()
    {
        var gwlbtun = await StartIdleAsync();
        var flow = new GwlbFlow(Eni, 1);
        await Gwlb.EchoAsync(flow, 0);

        using (var gwo = new DeviceSocket(Lab.Appliance, Gwo))
            await RepeatAsync(sequence => gwo.Send(flow.Reply(sequence)));
        Assert.Equal(0, gwlbtun.Program.CountLines("hook DESTROY"));
        await DestroyedAsync(gwlbtun);
    }

    private Task<GwlbtunProcess> StartIdleAsync() =>
        StartAsync("-t", "4", "-c", TracingHook(), "-r", TracingHook());

    private static async Task DestroyedAsync(GwlbtunProcess gwlbtun) =>
        await gwlbtun.Program.WaitForLineAsync($"hook DESTROY {Gwi}");

    private static async Task RepeatAsync(Action<uint> send)
    {
        var start = TimeProvider.System.GetTimestamp();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        for (uint sequence = 1; TimeProvider.System.GetElapsedTime(start) < _activeFor; sequence++)
        {
            send(sequence);
            await pace.WaitForNextTickAsync();
        }
    }
}
