using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

[Collection(Alone.Name)]
public sealed class HeldPacketSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const int Held = 1000;

    [Fact]
    public async Task Should_deliver_everything_in_order_after_the_hook_and_leave_other_endpoints_alone()
    {
        var slow = new GwlbFlow(Eni, 1);
        var other = new GwlbFlow(Eni + 1, 2);
        await StartAsync("-c", Script("slow-hook", $"if [ $4 = {EniText} ]; then sleep 2; fi; exec {Passthrough} \"$@\""));
        await Gwlb.EchoAsync(other, 0);

        var start = TimeProvider.System.GetTimestamp();
        var sending = Task.Run(() => SendBothAsync(slow, other));
        var (fromSlow, fromOther) = await ReceiveBothAsync(slow, Held, Held);
        await sending;

        Assert.Equal(Enumerable.Range(0, Held).Select(n => (uint)n), fromSlow.Select(packet => packet.Sequence));
        Assert.All(fromSlow, packet => Assert.Null(packet.FaultAs(slow, slow.Packet(packet.Sequence))));
        Assert.True(TimeProvider.System.GetElapsedTime(start, fromSlow[0].Timestamp) > TimeSpan.FromSeconds(1.9), "a packet came ahead of the hook's end");

        Assert.Equal(Enumerable.Range(0, Held).Select(n => (uint)n), fromOther.Select(packet => packet.Sequence));
        Assert.True(TimeProvider.System.GetElapsedTime(start, fromOther[^1].Timestamp) < TimeSpan.FromSeconds(1.9), "the other endpoint waited for the hook");
    }

    [Fact]
    public async Task Should_drop_and_count_what_is_beyond_the_bound_of_held_packets()
    {
        var config = Path.Combine(Folder, "few.conf");
        await File.WriteAllTextAsync(config, "tunnel.hold.packets-per-eni = 100");
        var gwlbtun = await StartAsync("--config", config, "-j", "-c", Script("slow-hook", $"sleep 1; exec {Passthrough} \"$@\""));
        var flow = new GwlbFlow(Eni, 1);
        for (uint sequence = 0; sequence < 300; sequence++)
            Gwlb.Send(flow, flow.Packet(sequence));

        for (uint sequence = 0; sequence < 100; sequence++)
            Assert.Equal(sequence, (await Gwlb.ReceiveAsync()).Sequence);
        Assert.Equal(200, (await gwlbtun.GetReportAsync()).GetProperty("enis")[0].GetProperty("pktsDropped").GetInt32());
    }

    /// <summary>Spread over the first 1.5 s of the hook.</summary>
    private async Task SendBothAsync(GwlbFlow slow, GwlbFlow other)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(15));
        for (uint sequence = 0; sequence < Held; await pace.WaitForNextTickAsync())
        {
            for (var burst = 0; burst < 10; burst++, sequence++)
            {
                Gwlb.Send(slow, slow.Packet(sequence));
                Gwlb.Send(other, other.Packet(sequence));
            }
        }
    }

    private async Task<(List<ReturnedPacket> Slow, List<ReturnedPacket> Other)> ReceiveBothAsync(GwlbFlow slow, int slowCount, int otherCount)
    {
        List<ReturnedPacket> fromSlow = [], fromOther = [];
        while (fromSlow.Count < slowCount || fromOther.Count < otherCount)
        {
            var packet = await Gwlb.ReceiveAsync();
            (packet.Cookie == slow.Cookie ? fromSlow : fromOther).Add(packet);
        }
        return (fromSlow, fromOther);
    }
}
