using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>Answers that Linux sends in fragments: the later ones have no ports, and find their flow through the first.</summary>
public sealed class FragmentsOutSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const int AnswerBytes = 12_000;
    private const int UdpHeader = 8;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_return_a_large_answer_of_a_local_service_whole(bool v6)
    {
        await StartLocalServiceAsync(v6);
        await AskAsync(Lab.Appliance, v6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_return_a_large_answer_through_nat_whole(bool v6)
    {
        var server = await StartNatAsync(v6);
        // Where answers are born, their MTU is to be the load balancer's.
        server.Ip("link", "set", "leg", "mtu", "8500");
        await AskAsync(server, v6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_keep_later_fragments_until_their_first_comes(bool v6)
    {
        var gwlbtun = await StartWithAsync(Sink, "flows.fragments.wait = 10s");
        GwlbFlow[] flows = [new(Eni, 1, v6), new(Eni, 2, v6)];
        await LearnAsync([.. flows.Select(flow => (flow, flow.Packet(0)))]);
        var fragments = flows.Select(flow => PacketShapes.Fragments(flow.Reply(1, 6000), 1200, 0xABC)).ToArray();
        foreach (var position in new[] { 4, 2, 1, 3 })
        {
            Egress.Send(fragments[0][position]);
            Egress.Send(fragments[1][position]);
        }

        // Whole packets do not wait behind them.
        await ReturnAsync(flows[0], flows[0].Reply(2));
        AssertNothingReturned();
        for (var n = 0; n < flows.Length; n++)
        {
            Egress.Send(fragments[n][0]);
            await AssertReturnedInAnyOrderAsync(flows[n], fragments[n]);
        }
        Assert.Equal(0, (await gwlbtun.GetReportAsync()).GetProperty("enis")[0].GetProperty("pktsDropped").GetInt32());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_drop_and_count_a_later_fragment_whose_first_does_not_come_in_time(bool v6)
    {
        var gwlbtun = await StartWithAsync(Sink);
        var flow = new GwlbFlow(Eni, 1, v6);
        await LearnAsync((flow, flow.Packet(0)));
        var fragments = PacketShapes.Fragments(flow.Reply(1, 6000), 1200, 0xABC);
        foreach (var late in fragments[1..3])
            Egress.Send(late);
        await WaitForDropsAsync(gwlbtun, "fragmentWithoutFirst", 2);

        // The first and the others of the packet still go.
        foreach (var fragment in new[] { fragments[0], fragments[3], fragments[4] })
            await ReturnAsync(flow, fragment);
        AssertNothingReturned();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_forget_a_fragmented_packet_in_time(bool v6)
    {
        var gwlbtun = await StartWithAsync(Sink, "flows.fragments { timeout = 5s, wait = 0s }");
        var flow = new GwlbFlow(Eni, 1, v6);
        await LearnAsync((flow, flow.Packet(0)));
        var fragments = PacketShapes.Fragments(flow.Reply(1, 3000), 1200, 0xABC);
        await ReturnAsync(flow, fragments[0]);
        await ReturnAsync(flow, fragments[1]);
        var start = TimeProvider.System.GetTimestamp();

        await gwlbtun.WaitForReportAsync(report => report.GetProperty("enis")[0].GetProperty("fragments").GetProperty("size").GetInt64() == 0);
        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(30), "its time was not the one that was given");
        Egress.Send(fragments[2]);
        await WaitForDropsAsync(gwlbtun, "fragmentWithoutFirst", 1);
        AssertNothingReturned();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_remember_no_more_fragmented_packets_than_it_may(bool v6)
    {
        const int Most = 64, Sent = 10 * Most;
        var gwlbtun = await StartWithAsync(Sink, $"flows.fragments {{ max-per-eni = {Most}, wait = 0s }}");
        var flow = new GwlbFlow(Eni, 1, v6);
        await LearnAsync((flow, flow.Packet(0)));
        var packets = Enumerable.Range(0, Sent).Select(n => PacketShapes.Fragments(flow.Reply((uint)n, 2000), 1200, (uint)n)).ToArray();
        foreach (var fragments in packets)
            await ReturnAsync(flow, fragments[0]);
        foreach (var fragments in packets)
            Egress.Send(fragments[1]);

        var report = await gwlbtun.WaitForReportAsync(report =>
            Drops(report, "fragmentWithoutFirst") >= Sent - Most &&
            report.GetProperty("enis")[0].GetProperty("tunnelOut").GetProperty("threads").EnumerateArray().Sum(thread => thread.GetProperty("pktsIn").GetInt64()) == 2 * Sent);
        Assert.InRange(Drops(report, "fragmentWithoutFirst"), Sent - Most, Sent - Most / 4);
    }

    [Fact]
    public async Task Should_bound_what_waits_for_a_first_fragment()
    {
        const int Sent = 20_000;
        var gwlbtun = await StartWithAsync(Sink, "flows.fragments.wait = 500ms");
        var flow = new GwlbFlow(Eni, 1);
        await LearnAsync((flow, flow.Packet(0)));
        var before = gwlbtun.ResidentBytes;
        for (var n = 0; n < Sent; n++)
            Egress.Send(PacketShapes.Fragments(flow.Reply(1, 16_000), 8000, (uint)n)[1]);

        // Some may be lost ahead of gwlbtun, in the device's queue; that is counted, too.
        await gwlbtun.WaitForReportAsync(report => Drops(report, "fragmentWithoutFirst") + Drops(report, "tunQueueOverflow") == Sent);
        Assert.InRange(gwlbtun.ResidentBytes - before, long.MinValue, 32 << 20);
        await ReturnAsync(flow, flow.Reply(2));
    }

    /// <summary>Asks for answers that need fragments, and asserts that they come back whole, with the right headers.</summary>
    private async Task AskAsync(NetworkNamespace network, bool v6)
    {
        GwlbFlow[] flows = [.. Enumerable.Range(1, 4).Select(n => new GwlbFlow(Eni, n, v6))];
        using var server = new UdpServer(network, flows[0].Server, GwlbFlow.DefaultServerPort, Answer);
        for (uint round = 0; round < 3; round++)
        {
            foreach (var flow in flows)
                Gwlb.Send(flow, flow.Packet(round));
            Dictionary<uint, List<byte[]>> received = flows.ToDictionary(flow => flow.Cookie, _ => new List<byte[]>());
            while (received.Values.Any(fragments => fragments.Sum(fragment => PacketShapes.Part(fragment).Bytes.Length) < AnswerBytes + UdpHeader))
            {
                var packet = await Gwlb.ReceiveAsync();
                var flow = Assert.Single(flows, flow => flow.Cookie == packet.Cookie);
                Assert.Null(packet.FaultAs(flow, packet.Inner));
                received[flow.Cookie].Add(packet.Inner.ToArray());
            }
            foreach (var flow in flows)
            {
                Assert.True(received[flow.Cookie].Count > 1, "the answer was not fragmented");
                Assert.Equal(Answer(UdpPayload(flow.Packet(round))), PacketShapes.Reassemble(received[flow.Cookie])[UdpHeader..]);
            }
        }
    }

    /// <summary>What the service answers: bytes that nobody else's answer has.</summary>
    private static byte[] Answer(byte[] question) => [.. Enumerable.Range(0, AnswerBytes).Select(n => (byte)(question[n % question.Length] + n / question.Length))];

    private static byte[] UdpPayload(byte[] packet) => packet[((packet[0] >> 4 == 6 ? 40 : 20) + UdpHeader)..];

    private async Task AssertReturnedInAnyOrderAsync(GwlbFlow flow, IEnumerable<byte[]> packets)
    {
        var missing = packets.ToList();
        while (missing.Count > 0)
        {
            var packet = await Gwlb.ReceiveAsync();
            Assert.Equal(1, missing.RemoveAll(each => packet.FaultAs(flow, each) is null));
        }
    }
}
