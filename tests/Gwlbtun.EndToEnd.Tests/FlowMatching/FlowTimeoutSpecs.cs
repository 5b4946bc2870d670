using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>How long flows are remembered, by their protocol.</summary>
public sealed class FlowTimeoutSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const byte Fin = 0x01, Rst = 0x04, Ack = 0x10;

    // A sweep goes over a small table many times a second.
    private static readonly TimeSpan _manySweeps = TimeSpan.FromSeconds(1.5);

    [Fact]
    public async Task Should_forget_flows_after_the_idle_time_of_their_protocol()
    {
        // -i is for TCP alone, and wins over the file.
        var gwlbtun = await StartWithAsync(Sink, "flows.idle-timeout { tcp = 99s, udp = 4s, other = 6s }", "-i", "2");
        GwlbFlow[] flows =
        [
            .. from v6 in new[] { false, true }
               from protocol in new[] { InnerPackets.Tcp, InnerPackets.Udp, v6 ? InnerPackets.IcmpV6 : InnerPackets.Icmp }
               select new GwlbFlow(Eni, 1, v6, protocol),
        ];
        var start = TimeProvider.System.GetTimestamp();
        await LearnAsync([.. flows.Select(flow => (flow, flow.Packet(0)))]);

        (string Cache, int Seconds)[] caches =
        [
            .. from version in new[] { "v4", "v6" }
               from each in new[] { (Protocol: "Tcp", Seconds: 2), (Protocol: "Udp", Seconds: 4), (Protocol: "Other", Seconds: 6) }
               select ($"{version}FlowCache{each.Protocol}", each.Seconds),
        ];
        await gwlbtun.WaitForReportAsync(report =>
        {
            var elapsed = TimeProvider.System.GetElapsedTime(start);
            Assert.All(caches, each => Assert.True(TimedOut(report, each.Cache) == 0 || elapsed >= TimeSpan.FromSeconds(each.Seconds), $"{each.Cache}: forgotten after {elapsed}"));
            return caches.All(each => (FlowCount(report, each.Cache), TimedOut(report, each.Cache)) == (0, 1));
        });

        foreach (var flow in flows)
            Egress.Send(flow.Reply(1));
        await WaitForDropsAsync(gwlbtun, "noFlow", flows.Length);
        AssertNothingReturned();
    }

    [Fact]
    public async Task Should_remember_flows_that_packets_of_either_direction_use()
    {
        var gwlbtun = await StartWithAsync(Sink, "flows.idle-timeout { tcp = 5s, udp = 5s, other = 5s }");
        GwlbFlow[] received = [new(Eni, 1), new(Eni, 2, IsV6: true)], returned = [new(Eni, 3), new(Eni, 4, IsV6: true, InnerPackets.Tcp)], idle = [new(Eni, 5), new(Eni, 6, IsV6: true)];
        await LearnAsync([.. received.Concat(returned).Concat(idle).Select(flow => (flow, flow.Packet(0)))]);
        JsonElement report = default;
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        const int RoundsAfterwards = 5;
        var start = TimeProvider.System.GetTimestamp();
        for (uint round = 1, last = uint.MaxValue; round <= last; round++)
        {
            await LearnAsync([.. received.Select(flow => (flow, flow.Packet(round)))]);
            foreach (var flow in returned)
                await ReturnAsync(flow, flow.Reply(round));
            report = await gwlbtun.GetReportAsync();
            if (last == uint.MaxValue && TimedOut(report) >= idle.Length)
                last = round + RoundsAfterwards;
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Wait.Patience, $"{report}");
            await pace.WaitForNextTickAsync();
        }
        Assert.Equal(received.Length + returned.Length, FlowCount(report));
        Assert.Equal(idle.Length, TimedOut(report));
    }

    [Theory]
    [InlineData(false, Fin)]
    [InlineData(true, Fin)]
    [InlineData(false, Rst)]
    [InlineData(true, Rst)]
    public async Task Should_forget_tcp_flows_soon_when_both_sides_have_closed(bool v6, byte flag)
    {
        var gwlbtun = await StartWithAsync(Sink, "flows { tcp-closing-timeout = 5s, idle-timeout.tcp = 300s }");
        GwlbFlow[] flows = [.. Enumerable.Range(1, 4).Select(n => new GwlbFlow(Eni, n, v6, InnerPackets.Tcp))];
        var (closed, answeredOnly, askedOnly, open) = (flows[0], flows[1], flows[2], flows[3]);
        await LearnAsync([.. flows.Select(flow => (flow, flow.Packet(0)))]);
        var start = TimeProvider.System.GetTimestamp();
        await LearnAsync((closed, Flagged(closed.Packet(1), flag)), (askedOnly, Flagged(askedOnly.Packet(1), flag)), (open, open.Packet(1)));
        foreach (var flow in new[] { closed, answeredOnly })
            await ReturnAsync(flow, Flagged(flow.Reply(1), flag));
        // What the closed flow still has to say finds its way.
        await ReturnAsync(closed, closed.Reply(2));

        var cache = v6 ? "v6FlowCacheTcp" : "v4FlowCacheTcp";
        await gwlbtun.WaitForReportAsync(report => FlowCount(report, cache) < 4);
        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromSeconds(5), "it was forgotten too early");
        await Task.Delay(_manySweeps);
        var report = await gwlbtun.GetReportAsync();
        Assert.Equal((3, 1), (FlowCount(report, cache), TimedOut(report, cache)));
        foreach (var flow in new[] { answeredOnly, askedOnly, open })
            await ReturnAsync(flow, flow.Reply(3));
    }

    [Fact]
    public async Task Should_remember_closed_tcp_flows_as_long_as_others_unless_told_otherwise()
    {
        var gwlbtun = await StartWithAsync(Sink);
        GwlbFlow[] flows = [new(Eni, 1, Protocol: InnerPackets.Tcp), new(Eni, 1, IsV6: true, Protocol: InnerPackets.Tcp)];
        await LearnAsync([.. flows.Select(flow => (flow, Flagged(flow.Packet(0), Fin)))]);
        foreach (var flow in flows)
            await ReturnAsync(flow, Flagged(flow.Reply(1), Fin));
        await Task.Delay(_manySweeps);
        foreach (var flow in flows)
            await ReturnAsync(flow, flow.Reply(2));
    }

    /// <summary>The TCP segment with one more flag. Nobody between the two ends looks at its checksum.</summary>
    private static byte[] Flagged(byte[] packet, byte flag)
    {
        packet[(packet[0] >> 4 == 6 ? 40 : 20) + 13] = (byte)(Ack | flag);
        return packet;
    }
}
