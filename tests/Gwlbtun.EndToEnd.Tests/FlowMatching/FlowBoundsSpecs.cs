using System.Diagnostics;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>Flows by the million, and what gives way when there are too many.</summary>
[Collection(Alone.Name)]
public sealed class FlowBoundsSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    [Fact]
    public async Task Should_know_no_more_flows_of_an_endpoint_than_it_may()
    {
        const int Most = 5000;
        var gwlbtun = await StartWithAsync(Sink, $"flows.max-per-eni = {Most}");
        await MeetAsync(Eni);
        using var flood = new FlowFlood(Lab, Eni, 4, 6);
        await flood.SendAsync(0, 4 * Most);
        var report = await gwlbtun.WaitForReportAsync(report => FlowCount(report) >= Most * 9 / 10);
        Assert.InRange(FlowCount(report), Most * 9 / 10, Most);
        Assert.Equal(0, report.GetProperty("enis")[0].GetProperty("pktsDropped").GetInt32());
        // New ones are learned still.
        await AnswerAsync(Eni, v6: false);
        await AnswerAsync(Eni, v6: true);
    }

    [Fact]
    public async Task Should_know_no_more_flows_of_all_endpoints_than_it_may()
    {
        const int Most = 5000;
        var gwlbtun = await StartWithAsync(Sink, $"flows.max-total = {Most}");
        await MeetAsync(Eni);
        await MeetAsync(Eni + 1);
        foreach (var eni in new[] { Eni, Eni + 1 })
        {
            using var flood = new FlowFlood(Lab, eni, 4, 6);
            await flood.SendAsync(0, 2 * Most);
            var report = await gwlbtun.WaitForReportAsync(report => FlowCount(report) >= Most * 3 / 4);
            Assert.InRange(FlowCount(report), Most * 3 / 4, Most); // something is set aside for endpoints to come
            Assert.Equal(0, report.GetProperty("summary").GetProperty("totalPktsDropped").GetInt32());
        }
        // Each endpoint learns new flows still.
        foreach (var v6 in new[] { false, true })
        {
            await AnswerAsync(Eni, v6);
            await AnswerAsync(Eni + 1, v6);
        }
    }

    [Fact]
    public async Task Should_lose_no_reply_of_a_thousand_active_flows_while_two_million_others_pass_through_a_full_table()
    {
        // With so many packets from the load balancer a flow counts as established.
        const int Established = 8;
        const int Active = 1000, Most = 20_000, Burst = 250;
        var gwlbtun = await StartWithAsync(Sink, $"flows.max-per-eni = {Most}");
        await MeetAsync(Eni);
        var flows = Enumerable.Range(1, Active).Select(n => new GwlbFlow(Eni, n, IsV6: n % 4 == 0, n % 3 == 0 ? InnerPackets.Udp : InnerPackets.Tcp) with { ServerPort = 443 }).ToArray();
        for (uint sequence = 0; sequence < Established; sequence++)
            await LearnAsync([.. flows.Select(flow => (flow, flow.Packet(sequence)))]);
        await gwlbtun.WaitForReportAsync(report => FlowCount(report) == Active + 1);
        using var flood = new FlowFlood(Lab, Eni, 4, 6);
        await flood.SendAsync(0, 2 * Most);
        Assert.InRange(FlowCount(await gwlbtun.WaitForReportAsync(report => FlowCount(report) >= Most * 9 / 10)), Most * 9 / 10, Most);

        var watch = Stopwatch.StartNew();
        var flooding = Task.Run(() => flood.SendAsync(2 * Most, 2_000_000));
        uint round = 1;
        while (!flooding.IsCompleted)
            await ReplyToAllAsync(++round);
        await flooding;
        Output.WriteLine($"{round - 1} replies to each of {Active} flows within {watch.Elapsed}");
        Assert.True(round > 5, "too few replies to say anything");
        await ReplyToAllAsync(++round);
        Assert.Equal(0, (await gwlbtun.GetReportAsync()).GetProperty("enis")[0].GetProperty("pktsDropped").GetInt32());

        // Half of the clients only listen.
        async Task ReplyToAllAsync(uint sequence)
        {
            foreach (var burst in flows.Chunk(Burst))
            {
                foreach (var flow in burst)
                {
                    if (flow.Number % 2 == 0)
                        Gwlb.Send(flow, flow.Packet(sequence));
                    Egress.Send(flow.Reply(sequence));
                }
                var missing = burst.ToDictionary(flow => flow.Cookie);
                while (missing.Count > 0)
                {
                    var packet = await Gwlb.ReceiveAsync();
                    Assert.True(missing.Remove(packet.Cookie, out var flow), $"cookie {packet.Cookie:x8} came back twice, or was never sent");
                    Assert.Null(packet.FaultAs(flow, flow.Reply(sequence)));
                }
            }
        }
    }

    [Fact]
    public async Task Should_stay_within_300_MB_when_it_knows_a_million_flows()
    {
        const uint Flows = 1_000_000;
        var gwlbtun = await StartWithAsync(Sink);
        await MeetAsync(Eni);
        using var flood = new FlowFlood(Lab, Eni, 4);
        var watch = Stopwatch.StartNew();
        await flood.SendAsync(0, Flows);
        Output.WriteLine($"{Flows} flows learned within {watch.Elapsed}, {gwlbtun.ResidentBytes} bytes resident");
        await gwlbtun.WaitForReportAsync(report => FlowCount(report) == Flows + 1);
        Assert.InRange(gwlbtun.ResidentBytes, 1, 300_000_000);
        for (uint number = 0; number < Flows; number += Flows / 1000)
        {
            var (flow, reply) = flood.Flow(number);
            await ReturnAsync(flow, reply);
        }
    }

    [Fact]
    public async Task Should_make_room_for_the_flows_that_are_expected()
    {
        const int Expected = 500_000, BytesOfFlow4 = 64, BytesOfFlow6 = 96;
        var gwlbtun = await StartWithAsync(Sink, "", "--reserve", $"vpce-{EniText}:{Expected / 2},{Expected / 4},{Expected / 4},0,0,0", "--reserve", "0,0,0,1000,0,0");
        await MeetAsync(Eni + 1);
        var before = gwlbtun.ResidentBytes;
        await MeetAsync(Eni);
        Assert.InRange(gwlbtun.ResidentBytes - before, Expected * BytesOfFlow4, 2 * Expected * BytesOfFlow4);

        var report = await gwlbtun.GetReportAsync();
        Assert.InRange(Memory(EniText), Expected * BytesOfFlow4, 2 * Expected * BytesOfFlow4);
        Assert.InRange(Memory($"{Eni + 1:x17}"), 1000 * BytesOfFlow6, 10 * 1000 * BytesOfFlow6);

        long Memory(string eni) => report.GetProperty("enis").EnumerateArray()
            .Single(each => each.GetProperty("eniStr").GetString() == eni).GetProperty("flowTable").GetProperty("memoryBytes").GetInt64();
    }

    /// <summary>Sends an endpoint's first packet, and waits until it has been delivered.</summary>
    private Task MeetAsync(ulong eni)
    {
        var flow = new GwlbFlow(eni, 0);
        return LearnAsync((flow, flow.Packet(0)));
    }

    /// <summary>Has a new flow learned, and asserts that its answer finds it.</summary>
    private async Task AnswerAsync(ulong eni, bool v6)
    {
        var flow = new GwlbFlow(eni, 5000, v6);
        await LearnAsync((flow, flow.Packet(0)));
        using var egress = new DeviceSocket(Lab.Appliance, eni == Eni ? Gwo : OtherGwo);
        await ReturnAsync(flow, flow.Reply(1), egress);
    }
}
