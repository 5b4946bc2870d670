using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>More different headers than a load balancer has nodes: how many are kept, and what gives way.</summary>
public class FlowHeaderShapesSpecs
{
    [Fact]
    public void Should_refuse_to_learn_beyond_its_bound_of_header_shapes()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxHeaderShapes = 20 });
        for (int shape = 0; shape < 20; shape++)
            Assert.Equal(DropReason.None, SampleHeader.Shaped(shape, 1).LearnInto(table, SampleFlow.Tcp4((uint)shape)).Reason);

        LearnResult result = SampleHeader.Shaped(20, 1).LearnInto(table, SampleFlow.Tcp4(20));

        Assert.Equal(DropReason.FlowHeaderShapes, result.Reason);
        Assert.False(SampleFlow.IsKnown(table, SampleFlow.Tcp4(20)));
    }

    [Fact]
    public void Should_answer_nothing_rather_than_an_outdated_header_when_the_new_shape_cannot_be_kept()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxHeaderShapes = 2 });
        SampleHeader.Shaped(1, 1).LearnInto(table, SampleFlow.Tcp4(1));
        SampleHeader.Shaped(2, 1).LearnInto(table, SampleFlow.Tcp4(2));
        SampleHeader.Shaped(2, 2).LearnInto(table, SampleFlow.Tcp4(3));

        LearnResult result = SampleHeader.Shaped(3, 9).LearnInto(table, SampleFlow.Tcp4(2));

        Assert.Equal(DropReason.FlowHeaderShapes, result.Reason);
        Assert.False(SampleFlow.IsKnown(table, SampleFlow.Tcp4(2)));
        Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4(3)));
    }

    [Theory]
    [InlineData(9, true)]
    [InlineData(1, false)]
    public void Should_answer_with_the_other_directions_header_only_if_its_cookie_is_not_outdated_by_one_that_cannot_be_kept(uint cookie, bool isOutdated)
    {
        using var table = new FlowTable(new FlowTableOptions { MaxHeaderShapes = 1 });
        SampleHeader other = SampleHeader.Standard(2);
        SampleHeader.Standard(1).LearnInto(table, SampleFlow.Tcp4(1));
        other.LearnInto(table, SampleFlow.Tcp4(1, reversed: true));

        Assert.Equal(DropReason.FlowHeaderShapes, SampleHeader.Standard(cookie, loadBalancer: 0x0500000A).LearnInto(table, SampleFlow.Tcp4(1)).Reason);

        Assert.Equal(!isOutdated, other.IsAnswerOf(table, SampleFlow.Tcp4(1)));
        Assert.Equal(!isOutdated, SampleFlow.IsKnown(table, SampleFlow.Tcp4(1, reversed: true)));
        Assert.Equal(isOutdated ? 0 : 1, table.HeaderShapes);
    }

    [Fact]
    public void Should_learn_new_shapes_again_when_flows_with_old_ones_have_gone()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxHeaderShapes = 2 });
        for (int shape = 0; shape < 500; shape++)
        {
            SampleHeader header = SampleHeader.Shaped(shape, 1);
            Assert.Equal(DropReason.None, header.LearnInto(table, SampleFlow.Tcp4(1)).Reason);
            Assert.True(header.IsAnswerOf(table, SampleFlow.Tcp4(1)));
        }

        Assert.Equal(1, table.HeaderShapes);
    }

    [Fact]
    public void Should_keep_as_many_shapes_as_it_says()
    {
        const uint Shapes = ushort.MaxValue;
        using var table = new FlowTable(new FlowTableOptions { MaxHeaderShapes = (int)Shapes });
        for (uint i = 0; i < Shapes; i++)
            Assert.Equal(DropReason.None, SampleHeader.Standard(i, eniId: i).LearnInto(table, SampleFlow.Tcp4(i)).Reason);

        Assert.Equal(DropReason.FlowHeaderShapes, SampleHeader.Standard(1, eniId: Shapes).LearnInto(table, SampleFlow.Tcp4(Shapes)).Reason);
        for (uint i = 0; i < Shapes; i += 97)
            Assert.True(SampleHeader.Standard(i, eniId: i).IsAnswerOf(table, SampleFlow.Tcp4(i)));
    }

    [Fact]
    public void Should_take_no_more_than_one_and_a_half_megabytes_for_shapes_by_default()
    {
        using var flooded = new FlowTable(new FlowTableOptions());
        using var same = new FlowTable(new FlowTableOptions());
        for (uint i = 0; i < 20_000; i++)
        {
            SampleHeader.Standard(i, eniId: i).LearnInto(flooded, SampleFlow.Tcp4(i));
            if (SampleFlow.CountAll(same) < SampleFlow.CountAll(flooded))
                SampleHeader.Standard(i).LearnInto(same, SampleFlow.Tcp4(i));
        }

        Assert.InRange(flooded.HeaderShapes, 4_000, 4_095);
        Assert.InRange(flooded.MemoryBytes - same.MemoryBytes, 1, 1_500_000);
    }

    [Fact]
    public void Should_take_one_packet_flows_with_shapes_of_their_own_out_when_shapes_are_scarce()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxHeaderShapes = 100 });
        LearnKept(table);
        for (uint i = 0; i < 200; i++)
            SampleHeader.Standard(1, eniId: 100 + i).LearnInto(table, SampleFlow.Tcp4(100_000 + i));
        SampleHeader added = SampleHeader.Standard(5, eniId: 3);
        Assert.Equal(DropReason.FlowHeaderShapes, added.LearnInto(table, SampleFlow.Tcp4(200_000), nowMs: 2_000).Reason);

        Assert.Equal(0, SampleFlow.SweepAll(table, nowMs: 2_000));

        Assert.Equal(DropReason.None, added.LearnInto(table, SampleFlow.Tcp4(200_000), nowMs: 2_000).Reason);
        Assert.InRange(table.HeaderShapes, 2, 80);
        AssertKept(table);
    }

    [Fact]
    public void Should_keep_one_packet_flows_with_shapes_of_their_own_while_there_are_shapes_enough()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxHeaderShapes = 100 });
        LearnKept(table);
        for (uint i = 0; i < 60; i++)
            SampleHeader.Standard(1, eniId: 100 + i).LearnInto(table, SampleFlow.Tcp4(100_000 + i));

        Assert.Equal(0, SampleFlow.SweepAll(table, nowMs: 2_000));

        Assert.Equal(62, table.HeaderShapes);
        AssertKept(table);
    }

    // A node with many flows of one packet each, and one with a single connection.
    private static void LearnKept(FlowTable table)
    {
        for (uint i = 0; i < 1_000; i++)
            SampleHeader.Standard(i, eniId: 1).LearnInto(table, SampleFlow.Tcp4(i));
        for (int packet = 0; packet < 8; packet++)
            SampleHeader.Standard(7, eniId: 2).LearnInto(table, SampleFlow.Tcp4(5_000));
    }

    private static void AssertKept(FlowTable table)
    {
        for (uint i = 0; i < 1_000; i++)
            Assert.True(SampleHeader.Standard(i, eniId: 1).IsAnswerOf(table, SampleFlow.Tcp4(i)));
        Assert.True(SampleHeader.Standard(7, eniId: 2).IsAnswerOf(table, SampleFlow.Tcp4(5_000)));
    }
}
