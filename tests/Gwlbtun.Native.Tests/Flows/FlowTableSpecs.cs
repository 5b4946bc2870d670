using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public sealed class FlowTableSpecs : IDisposable
{
    private readonly FlowTable _table = new(new FlowTableOptions());

    public void Dispose() => _table.Dispose();

    [Fact]
    public void Should_not_answer_a_flow_that_was_never_learned() => Assert.False(SampleFlow.IsKnown(_table, SampleFlow.Tcp4(1)));

    [Fact]
    public void Should_answer_with_the_header_as_it_came_in_the_direction_it_came()
    {
        SampleHeader header = SampleHeader.Standard(0xCAFEBABE, attachmentId: 0x1122334455667788, sourcePort: 61_234);

        LearnResult result = header.LearnInto(_table, SampleFlow.Tcp4(1));

        Assert.Equal(new LearnResult(DropReason.None, IsNew: true), result);
        Assert.True(header.IsAnswerOf(_table, SampleFlow.Tcp4(1)));
    }

    [Fact]
    public void Should_answer_the_reverse_direction_with_the_only_header_it_has()
    {
        SampleHeader header = SampleHeader.Standard(5);

        header.LearnInto(_table, SampleFlow.Tcp6(1));

        Assert.True(header.IsAnswerOf(_table, SampleFlow.Tcp6(1, reversed: true)));
    }

    [Fact]
    public void Should_answer_each_direction_with_its_own_header_when_it_has_both()
    {
        SampleHeader there = SampleHeader.Standard(5, sourcePort: 1, loadBalancer: 1);
        SampleHeader back = SampleHeader.Standard(6, sourcePort: 2, loadBalancer: 2);

        there.LearnInto(_table, SampleFlow.Tcp4(1));
        back.LearnInto(_table, SampleFlow.Tcp4(1, reversed: true));

        Assert.True(there.IsAnswerOf(_table, SampleFlow.Tcp4(1)));
        Assert.True(back.IsAnswerOf(_table, SampleFlow.Tcp4(1, reversed: true)));
        Assert.Equal(1, _table.Count(FlowFamily.V4, FlowProtocol.Tcp));
    }

    [Fact]
    public void Should_answer_with_the_newest_header_of_a_direction()
    {
        SampleHeader[] inTurn =
        [
            SampleHeader.Standard(5),
            SampleHeader.Standard(6),
            SampleHeader.Standard(6, attachmentId: 9),
            SampleHeader.Standard(6, attachmentId: 9, sourcePort: 7),
            SampleHeader.Standard(6, attachmentId: 9, sourcePort: 7, loadBalancer: 0x0900000A),
            SampleHeader.Standard(6, attachmentId: 9, sourcePort: 7, loadBalancer: 0x0900000A, eniId: 3),
            SampleHeader.Shaped(4, 6, attachmentId: 9, sourcePort: 7),
        ];

        foreach (SampleHeader header in inTurn)
        {
            header.LearnInto(_table, SampleFlow.Udp4(1));
            Assert.True(header.IsAnswerOf(_table, SampleFlow.Udp4(1)));
        }

        Assert.Equal(1, SampleFlow.CountAll(_table));
        Assert.Equal(1, _table.HeaderShapes);
    }

    [Fact]
    public void Should_forget_the_reverse_direction_of_a_flow_whose_tuple_begins_anew_with_another_cookie()
    {
        SampleHeader.Standard(5).LearnInto(_table, SampleFlow.Tcp4(1));
        SampleHeader.Standard(6).LearnInto(_table, SampleFlow.Tcp4(1, reversed: true));
        SampleHeader anew = SampleHeader.Standard(7);

        anew.LearnInto(_table, SampleFlow.Tcp4(1));

        Assert.True(anew.IsAnswerOf(_table, SampleFlow.Tcp4(1, reversed: true)));
    }

    [Fact]
    public void Should_keep_the_reverse_direction_when_anything_but_the_cookie_changes()
    {
        SampleHeader back = SampleHeader.Standard(6);
        SampleHeader.Standard(5).LearnInto(_table, SampleFlow.Tcp4(1));
        back.LearnInto(_table, SampleFlow.Tcp4(1, reversed: true));

        SampleHeader.Standard(5, sourcePort: 9, loadBalancer: 0x0900000A).LearnInto(_table, SampleFlow.Tcp4(1));

        Assert.True(back.IsAnswerOf(_table, SampleFlow.Tcp4(1, reversed: true)));
    }

    [Fact]
    public void Should_echo_headers_of_every_length_and_order_byte_for_byte()
    {
        SampleHeader[] headers = [.. Enumerable.Range(0, 110).Select(shape => SampleHeader.Shaped(shape, (uint)shape * 1_000_003, (ulong)shape << 40))];
        Assert.Equal(260, headers.Max(header => header.Bytes.Length));

        for (int i = 0; i < headers.Length; i++)
            headers[i].LearnInto(_table, SampleFlow.Mixed((uint)i));

        Assert.Equal(headers.Length, _table.HeaderShapes);
        Assert.All(headers, (header, i) => Assert.True(header.IsAnswerOf(_table, SampleFlow.Mixed((uint)i, reversed: i % 2 == 0))));
    }

    [Fact]
    public void Should_keep_one_shape_for_flows_that_differ_in_cookie_attachment_and_port_only()
    {
        for (uint i = 0; i < 1_000; i++)
            SampleHeader.Standard(i, attachmentId: i * 7, sourcePort: (ushort)i).LearnInto(_table, SampleFlow.Tcp4(i));

        Assert.Equal(1, _table.HeaderShapes);
    }

    [Fact]
    public void Should_find_all_of_many_flows_of_both_families_after_growing_and_splitting()
    {
        const uint Flows = 60_000;
        for (uint i = 0; i < Flows; i++)
            Assert.True(SampleHeader.Standard(i).LearnInto(_table, SampleFlow.Mixed(i)).IsNew);

        for (uint i = 0; i < Flows; i++)
            Assert.True(SampleHeader.Standard(i).IsAnswerOf(_table, SampleFlow.Mixed(i, reversed: true)), $"flow {i}");
        Assert.Equal(Flows, SampleFlow.CountAll(_table));
        Assert.Equal(Flows / 5, _table.Count(FlowFamily.V6, FlowProtocol.Udp));
        Assert.False(SampleFlow.IsKnown(_table, SampleFlow.Mixed(Flows)));
    }

    [Fact]
    public void Should_take_less_than_32_KiB_before_its_first_flow() => Assert.InRange(_table.MemoryBytes, 1, 32 * 1024);

    [Fact]
    public void Should_refuse_a_header_that_is_not_the_one_parsed()
    {
        SampleHeader header = SampleHeader.Standard(1);

        Assert.Throws<ArgumentException>(() => _table.Learn(SampleFlow.Tcp4(1), header.Bytes.AsSpan(0, 36), header.Parsed, header.Path, 0));
    }

    [Fact]
    public void Should_refuse_a_buffer_that_a_header_might_not_fit() =>
        Assert.Throws<ArgumentException>(() => _table.Find(SampleFlow.Tcp4(1), new byte[259], out _, 0));

    [Fact]
    public void Should_give_its_memory_back_once_however_often_it_is_told()
    {
        SampleHeader.Standard(1).LearnInto(_table, SampleFlow.Tcp4(1));

        _table.Dispose();
        _table.Dispose();

        // What is left is the counters' constant.
        Assert.Equal(0, _table.MemoryBytes - FlowCounters.Bytes);
    }
}
