using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>Floods of new flows against a full table, while others exchange a packet every one to two seconds.</summary>
public class FlowFloodSpecs
{
    private const uint FloodFrom = 50_000_000;
    private const int PacketsToBeEstablished = 8;

    private static readonly SampleHeader _header = SampleHeader.Standard(1);

    [Theory]
    // A large table within ten seconds, and small ones that are turned over in 50 ms.
    [InlineData(FlowFamily.V4, 1_000_000, 1_000, 2_000_000, 200_000, 1)]
    [InlineData(FlowFamily.V4, 10_000, 1_000, 2_000_000, 200_000, 1)]
    [InlineData(FlowFamily.V4, 10_000, 1_000, 400_000, 100_000, 2)]
    [InlineData(FlowFamily.V4, 10_000, 1_000, 400_000, 50_000, 4)]
    [InlineData(FlowFamily.V4, 200_000, 1_000, 400_000, 100_000, 4)]
    [InlineData(FlowFamily.V6, 10_000, 1_000, 400_000, 200_000, 1)]
    [InlineData(FlowFamily.V6, 10_000, 1_000, 400_000, 100_000, 2)]
    [InlineData(FlowFamily.V6, 200_000, 1_000, 400_000, 50_000, 4)]
    // Most of the table is active: now and then both of a new flow's buckets hold nothing else.
    [InlineData(FlowFamily.V4, 10_000, 8_000, 400_000, 200_000, 1)]
    [InlineData(FlowFamily.V6, 1_200, 1_000, 200_000, 100_000, 2)]
    public void Should_keep_every_established_active_flow(FlowFamily family, int maxFlows, int active, int floodFlows, int perSecond, int packetsEach)
    {
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = maxFlows });
        Establish(table, family, active, nowMs: 0);
        Fill(table, family, maxFlows - active);

        int lost = Flood(table, family, family, active, floodFlows, perSecond, packetsEach);

        Assert.Equal(0, lost);
        Assert.InRange(table.Evicted, floodFlows, long.MaxValue);
        Assert.Equal(maxFlows, SampleFlow.CountAll(table));
    }

    [Fact]
    public void Should_keep_every_established_active_flow_of_the_other_family()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = 10_000 });
        Establish(table, FlowFamily.V6, 1_000, nowMs: 0);
        Fill(table, FlowFamily.V4, 9_000);

        Assert.Equal(0, Flood(table, FlowFamily.V6, FlowFamily.V4, 1_000, 400_000, 200_000, packetsEach: 1));
    }

    [Fact]
    public void Should_give_new_flows_of_a_family_with_few_flows_room_at_the_cost_of_a_flood_of_the_other()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = 10_000 });
        Fill(table, FlowFamily.V4, 10_000);

        for (uint i = 0; i < 500; i++)
            Assert.True(_header.LearnInto(table, SampleFlow.Tcp6(i), nowMs: 1_000).IsNew);

        Assert.InRange(table.Count(FlowFamily.V6, FlowProtocol.Tcp), 450, 500);
    }

    [Fact]
    public void Should_lose_few_established_flows_when_there_are_no_others()
    {
        const int MaxFlows = 10_000;
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = MaxFlows });
        Establish(table, FlowFamily.V4, MaxFlows, nowMs: 0);

        for (uint i = 0; i < 200_000; i++)
            Assert.Equal(new LearnResult(DropReason.None, IsNew: true), _header.LearnInto(table, SampleFlow.Tcp4(FloodFrom + i), nowMs: 100 + (i / 200)));

        int kept = Enumerable.Range(0, MaxFlows).Count(i => SampleFlow.IsKnown(table, SampleFlow.Tcp4((uint)i)));
        // Where one of them has given way, the flood displaces itself.
        Assert.InRange(kept, MaxFlows * 95 / 100, MaxFlows - 1);
        Assert.Equal(MaxFlows, SampleFlow.CountAll(table));
    }

    [Fact]
    public void Should_let_flows_that_were_established_and_have_been_idle_for_long_give_way_to_new_ones()
    {
        const int MaxFlows = 1_000;
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = MaxFlows });
        Establish(table, FlowFamily.V4, MaxFlows, nowMs: 0);

        for (uint i = 0; i < MaxFlows * 4; i++)
            _header.LearnInto(table, SampleFlow.Tcp4(FloodFrom + i), nowMs: 100_000);

        int kept = Enumerable.Range(0, MaxFlows).Count(i => SampleFlow.IsKnown(table, SampleFlow.Tcp4((uint)i)));
        Assert.InRange(kept, 0, MaxFlows / 20);
    }

    [Theory]
    [InlineData(1, 2, 30)]
    [InlineData(2, 4, 30)]
    [InlineData(4, 8, 30)]
    [InlineData(1, 8, 90)]
    public void Should_count_a_flow_for_less_after_each_30_seconds_of_idleness(int fewPackets, int manyPackets, int secondsOfDifference)
    {
        // The one with many packets is older. Just before it has lost its advantage the other one gives way, just after, it does.
        foreach ((long margin, uint expected) in new[] { (-1_000L, 2u), (1_000L, 1u) })
        {
            using var table = new FlowTable(new FlowTableOptions { MaxFlows = 2 });
            Send(table, SampleFlow.Tcp4(1), manyPackets, nowMs: 0);
            long now = (secondsOfDifference * 1_000) + margin;
            Send(table, SampleFlow.Tcp4(2), fewPackets, now);

            _header.LearnInto(table, SampleFlow.Tcp4(3), now);

            Assert.False(SampleFlow.IsKnown(table, SampleFlow.Tcp4(expected)));
            Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4(3 - expected)));
        }
    }

    [Fact]
    public void Should_not_count_packets_that_went_back()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = 2 });
        Send(table, SampleFlow.Tcp4(1), 2, nowMs: 0);
        _header.LearnInto(table, SampleFlow.Tcp4(2), nowMs: 1_000);
        for (int i = 0; i < 20; i++)
            Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4(2, reversed: true), nowMs: 1_000));

        _header.LearnInto(table, SampleFlow.Tcp4(3), nowMs: 1_000);

        Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4(1)));
        Assert.False(SampleFlow.IsKnown(table, SampleFlow.Tcp4(2)));
    }

    // Says how often an active flow was not answered. They take turns, so that each exchanges a packet every 1.5 s.
    private static int Flood(FlowTable table, FlowFamily activeFamily, FlowFamily floodFamily, int active, int flows, int perSecond, int packetsEach)
    {
        const int IntervalMs = 1_500;
        int lost = 0;
        long exchanged = 0;
        for (uint i = 0; i < flows; i++)
        {
            long now = i * 1_000L / perSecond;
            for (; exchanged * IntervalMs / active < now; exchanged++)
            {
                var flow = (uint)(exchanged % active);
                lost += SampleFlow.IsKnown(table, Key(activeFamily, flow, reversed: true), now) ? 0 : 1;
                _header.LearnInto(table, Key(activeFamily, flow), now);
            }

            FlowKey key = Key(floodFamily, FloodFrom + i);
            Send(table, key, packetsEach, now);
            SampleFlow.IsKnown(table, key, now);
        }

        for (uint flow = 0; flow < active; flow++)
            lost += SampleFlow.IsKnown(table, Key(activeFamily, flow)) ? 0 : 1;
        return lost;
    }

    private static void Establish(FlowTable table, FlowFamily family, int flows, long nowMs)
    {
        for (uint i = 0; i < flows; i++)
            Send(table, Key(family, i), PacketsToBeEstablished, nowMs);
    }

    private static void Fill(FlowTable table, FlowFamily family, int flows)
    {
        for (uint i = 0; i < flows; i++)
            _header.LearnInto(table, Key(family, FloodFrom - 1 - i));
    }

    private static void Send(FlowTable table, in FlowKey key, int packets, long nowMs)
    {
        for (int packet = 0; packet < packets; packet++)
            _header.LearnInto(table, key, nowMs);
    }

    private static FlowKey Key(FlowFamily family, uint number, bool reversed = false) =>
        family == FlowFamily.V4 ? SampleFlow.Tcp4(number, reversed) : SampleFlow.Tcp6(number, reversed);
}
