using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

[Collection(Alone.Name)]
public sealed class HeldPacketSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const int Held = 1000;
    private const int Sent = Held + 500;

    [Fact]
    public async Task Should_deliver_everything_in_order_after_the_hook_and_leave_other_endpoints_alone()
    {
        var slow = new GwlbFlow(Eni, 1);
        var other = new GwlbFlow(Eni + 1, 2);
        var mayEnd = Path.Combine(Folder, "may-end");
        await StartAsync("-c", Script("slow-hook", $"if [ $4 = {EniText} ]; then until [ -e {mayEnd} ]; do sleep 0.02; done; fi; exec {Passthrough} \"$@\""));
        await Gwlb.EchoAsync(other, 0);

        var sending = Task.Run(() => SendBothAsync(slow, other));
        List<ReturnedPacket> fromSlow = [], fromOther = [];
        while (fromOther.Count < Held)
        {
            var packet = await Gwlb.ReceiveAsync();
            Assert.True(packet.Cookie == other.Cookie, "a packet came ahead of the hook's end");
            fromOther.Add(packet);
        }

        // The hook ends while more are on their way.
        await File.WriteAllTextAsync(mayEnd, "");
        while (fromSlow.Count < Sent || fromOther.Count < Sent)
        {
            var packet = await Gwlb.ReceiveAsync();
            (packet.Cookie == slow.Cookie ? fromSlow : fromOther).Add(packet);
        }
        await sending;

        foreach (var (flow, received) in new[] { (slow, fromSlow), (other, fromOther) })
        {
            Assert.Equal(Enumerable.Range(0, Sent).Select(n => (uint)n), received.Select(packet => packet.Sequence));
            Assert.All(received, packet => Assert.Null(packet.FaultAs(flow, flow.Packet(packet.Sequence))));
        }
    }

    [Fact]
    public async Task Should_drop_and_count_what_is_beyond_the_bound_of_held_packets()
    {
        const int Bound = 100, Flood = 300;
        var mayEnd = Path.Combine(Folder, "may-end");
        var config = Path.Combine(Folder, "few.conf");
        await File.WriteAllTextAsync(config, $"tunnel.hold.packets-per-eni = {Bound}");
        var gwlbtun = await StartAsync("--config", config, "-j", "-c", Script("slow-hook", $"until [ -e {mayEnd} ]; do sleep 0.02; done; exec {Passthrough} \"$@\""));
        var flow = new GwlbFlow(Eni, 1);
        for (uint sequence = 0; sequence < Flood; sequence++)
            Gwlb.Send(flow, flow.Packet(sequence));
        await gwlbtun.WaitForReportAsync(report => report.GetProperty("enis") is var enis && enis.GetArrayLength() == 1 && enis[0].GetProperty("pktsDropped").GetInt32() == Flood - Bound);

        await File.WriteAllTextAsync(mayEnd, "");
        for (uint sequence = 0; sequence < Bound; sequence++)
            Assert.Equal(sequence, (await Gwlb.ReceiveAsync()).Sequence);
        Assert.False(Gwlb.TryReceive(out _));
    }

    private async Task SendBothAsync(GwlbFlow slow, GwlbFlow other)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        for (uint sequence = 0; sequence < Sent; await pace.WaitForNextTickAsync())
        {
            for (var burst = 0; burst < 10; burst++, sequence++)
            {
                Gwlb.Send(slow, slow.Packet(sequence));
                Gwlb.Send(other, other.Packet(sequence));
            }
        }
    }
}
