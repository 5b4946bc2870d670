using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public class FlowTableBoundsSpecs
{
    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(1_000)]
    [InlineData(20_000)]
    public void Should_never_hold_more_flows_than_it_may_and_count_those_that_gave_way(int maxFlows)
    {
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = maxFlows });
        int learned = maxFlows * 3;

        for (uint i = 0; i < learned; i++)
        {
            SampleHeader header = SampleHeader.Standard(i);
            Assert.Equal(new LearnResult(DropReason.None, IsNew: true), header.LearnInto(table, SampleFlow.Tcp4(i)));
            Assert.True(header.IsAnswerOf(table, SampleFlow.Tcp4(i)), $"flow {i}");
        }

        Assert.Equal(maxFlows, SampleFlow.CountAll(table));
        Assert.Equal(learned - maxFlows, table.Evicted);
        Assert.Equal(maxFlows, Enumerable.Range(0, learned).Count(i => SampleFlow.IsKnown(table, SampleFlow.Tcp4((uint)i))));
    }

    [Fact]
    public void Should_let_the_least_recently_used_give_way()
    {
        // One bucket's worth: every flow is a candidate.
        const int MaxFlows = 14;
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = MaxFlows });
        for (uint i = 0; i < MaxFlows; i++)
            SampleHeader.Standard(i).LearnInto(table, SampleFlow.Tcp4(i), nowMs: 1_000 * i);
        SampleFlow.IsKnown(table, SampleFlow.Tcp4(0, reversed: true), nowMs: 20_000);
        SampleHeader.Standard(1).LearnInto(table, SampleFlow.Tcp4(1), nowMs: 20_000);

        SampleHeader.Standard(99).LearnInto(table, SampleFlow.Tcp4(99), nowMs: 21_000);

        uint[] gone = [.. Enumerable.Range(0, MaxFlows).Select(i => (uint)i).Where(i => !SampleFlow.IsKnown(table, SampleFlow.Tcp4(i)))];
        Assert.Equal([2u], gone);
    }

    [Fact]
    public void Should_let_the_least_recently_used_give_way_whatever_its_packets_when_told_not_to_count_them()
    {
        const int MaxFlows = 14;
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = MaxFlows, PrefersEstablished = false });
        for (uint i = 0; i < MaxFlows; i++)
        {
            for (uint packet = 0; packet <= MaxFlows - i; packet++)
                SampleHeader.Standard(i + (packet / 4)).LearnInto(table, SampleFlow.Tcp4(i), nowMs: 1_000 * i);
        }

        for (uint i = 0; i < 5; i++)
            SampleHeader.Standard(99).LearnInto(table, SampleFlow.Tcp4(100 + i), nowMs: 20_000 + (1_000 * i));

        Assert.Equal([0, 1, 2, 3, 4], Enumerable.Range(0, MaxFlows).Where(i => !SampleFlow.IsKnown(table, SampleFlow.Tcp4((uint)i))));
    }

    [Fact]
    public void Should_let_a_flow_of_the_other_family_give_way_to_the_first_of_its_own()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = 5_000 });
        for (uint i = 0; i < 5_000; i++)
            SampleHeader.Standard(i).LearnInto(table, SampleFlow.Tcp4(i));

        LearnResult result = SampleHeader.Standard(1).LearnInto(table, SampleFlow.Tcp6(1));

        Assert.Equal(new LearnResult(DropReason.None, IsNew: true), result);
        Assert.Equal(1, table.Count(FlowFamily.V6, FlowProtocol.Tcp));
        Assert.Equal(4_999, table.Count(FlowFamily.V4, FlowProtocol.Tcp));
        Assert.Equal(1, table.Evicted);
    }

    [Fact]
    public void Should_let_flows_give_way_when_memory_is_bounded()
    {
        const long Bound = 256 * 1024;
        using var table = new FlowTable(new FlowTableOptions { MaxBytesPerFamily = Bound });

        for (uint i = 0; i < 20_000; i++)
        {
            SampleHeader header = SampleHeader.Standard(i);
            Assert.Equal(DropReason.None, header.LearnInto(table, SampleFlow.Tcp4(i)).Reason);
            Assert.True(header.IsAnswerOf(table, SampleFlow.Tcp4(i)));
        }

        Assert.InRange(SampleFlow.CountAll(table), Bound / 64 / 4, Bound / 64);
        Assert.Equal(20_000, SampleFlow.CountAll(table) + table.Evicted);
    }

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(1, 0, 1)]
    [InlineData(1, 1, 0)]
    [InlineData(1, 1, 65_536)]
    public void Should_refuse_options_out_of_range(long maxFlows, int idleSeconds, int shapes)
    {
        var options = new FlowTableOptions { MaxFlows = maxFlows, UdpIdle = TimeSpan.FromSeconds(idleSeconds), MaxHeaderShapes = shapes };

        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowTable(options));
    }
}
