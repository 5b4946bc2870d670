using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public class FlowReservationSpecs
{
    private static readonly SampleHeader _header = SampleHeader.Standard(1);

    [Theory]
    [InlineData(FlowFamily.V4, 1)]
    [InlineData(FlowFamily.V4, 500)]
    [InlineData(FlowFamily.V4, 751)]
    [InlineData(FlowFamily.V4, 200_000)]
    [InlineData(FlowFamily.V6, 95_000)]
    public void Should_need_no_more_memory_for_as_many_flows_as_were_reserved(FlowFamily family, int flows)
    {
        using var table = new FlowTable(new FlowTableOptions());
        // The memory of the header's shape is none of the flows'.
        Learn(table, family == FlowFamily.V4 ? FlowFamily.V6 : FlowFamily.V4, 0, 1);

        Assert.True(table.Reserve(family, flows));
        long reserved = table.MemoryBytes;
        Learn(table, family, 0, flows);

        // The hash is seeded anew in every run: now and then one segment of hundreds gets more than its share, and splits.
        Assert.InRange(table.MemoryBytes, reserved, reserved + (reserved / 500));
        Assert.Equal(flows, table.Count(family, FlowProtocol.Tcp));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3_000)]
    [InlineData(100_000)]
    public unsafe void Should_split_nothing_for_as_many_flows_as_were_reserved(int flows)
    {
        using var directory = new FlowDirectory(FlowEntry.Stride4, long.MaxValue);
        Assert.True(FlowReservation.TryReserve(directory, flows));
        List<(ulong, int)> before = Segments(directory);

        var random = new Random(flows);
        for (uint i = 0; i < flows; i++)
        {
            var hash = (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            FlowSegment* segment = directory.Take(hash);
            int place = directory.MakePlace(ref segment, hash);
            FlowPlacement.Put(segment, place, SampleFlow.Tcp4(i), hash, new HeaderSlot { Template = 1 }, now: 0);
            SpinGate.Exit(ref segment->Gate);
        }

        Assert.Equal(before, Segments(directory));
    }

    [Fact]
    public void Should_keep_the_flows_that_are_there_and_count_them_in()
    {
        using var table = new FlowTable(new FlowTableOptions());
        Learn(table, FlowFamily.V4, 0, 30_000);

        Assert.True(table.Reserve(FlowFamily.V4, 60_000));
        long reserved = table.MemoryBytes;
        Learn(table, FlowFamily.V4, 30_000, 60_000);

        // Now and then a segment gets more than its share, and splits.
        Assert.InRange(table.MemoryBytes, reserved, reserved + (reserved / 500));
        Assert.All(Enumerable.Range(0, 60_000), i => Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4((uint)i))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30_000)]
    [InlineData(60_000)]
    public void Should_take_nothing_when_there_is_room_already(int flows)
    {
        using var table = new FlowTable(new FlowTableOptions());
        table.Reserve(FlowFamily.V4, 60_000);
        long reserved = table.MemoryBytes;

        Assert.True(table.Reserve(FlowFamily.V4, flows));

        Assert.Equal(reserved, table.MemoryBytes);
    }

    [Fact]
    public void Should_reserve_no_more_than_the_table_or_its_budget_may_hold()
    {
        using var small = new FlowTable(new FlowTableOptions { MaxFlows = 2_000 });
        using var one = new FlowTable(new FlowTableOptions(), new FlowBudget(maxTotal: 2_000, maxTables: 1));

        Assert.True(small.Reserve(FlowFamily.V4, long.MaxValue));
        Assert.True(one.Reserve(FlowFamily.V6, long.MaxValue));

        Assert.InRange(small.MemoryBytes, 2_000 * 64, 2_000 * 256);
        Assert.InRange(one.MemoryBytes, 2_000 * 96, 2_000 * 256);
    }

    [Fact]
    public void Should_say_so_when_there_is_not_enough_memory_and_leave_a_table_that_works()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxBytesPerFamily = 1_000_000 });
        Learn(table, FlowFamily.V4, 0, 1_000);

        Assert.False(table.Reserve(FlowFamily.V4, 100_000));

        Learn(table, FlowFamily.V4, 1_000, 5_000);
        Assert.All(Enumerable.Range(0, 5_000), i => Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4((uint)i))));
    }

    [Fact]
    public void Should_refuse_a_negative_number()
    {
        using var table = new FlowTable(new FlowTableOptions());

        Assert.Throws<ArgumentOutOfRangeException>(() => table.Reserve(FlowFamily.V4, -1));
    }

    [Fact]
    public async Task Should_reserve_from_several_threads_while_others_learn_and_find()
    {
        const int Flows = 40_000;
        using var table = new FlowTable(new FlowTableOptions());
        Learn(table, FlowFamily.V4, 0, Flows);
        var done = false;

        Task[] readers = [.. Enumerable.Range(0, 2).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            while (!Volatile.Read(ref done))
            {
                var flow = (uint)random.Next(Flows);
                Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4(flow)));
                Assert.False(_header.LearnInto(table, SampleFlow.Tcp4(flow)).IsNew);
            }
        }))];
        await Task.WhenAll(
            Task.Run(() => Learn(table, FlowFamily.V4, Flows, 2 * Flows)),
            Task.Run(() => Assert.True(table.Reserve(FlowFamily.V4, 150_000))),
            Task.Run(() => Assert.True(table.Reserve(FlowFamily.V4, 200_000))));
        Volatile.Write(ref done, true);
        await Task.WhenAll(readers);

        Assert.Equal(2 * Flows, SampleFlow.CountAll(table));
        for (uint i = 0; i < 2 * Flows; i++)
            Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4(i)));
    }

    private static void Learn(FlowTable table, FlowFamily family, int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            FlowKey key = family == FlowFamily.V4 ? SampleFlow.Tcp4((uint)i) : SampleFlow.Tcp6((uint)i);
            Assert.Equal(DropReason.None, _header.LearnInto(table, key).Reason);
        }
    }

    private static unsafe List<(ulong Prefix, int Depth)> Segments(FlowDirectory directory)
    {
        List<(ulong, int)> segments = [];
        ulong position = 0;
        do
        {
            FlowSegment* segment = directory.Take(position);
            segments.Add((segment->Prefix, segment->Depth));
            position = FlowSegment.End(segment);
            SpinGate.Exit(ref segment->Gate);
        }
        while (position != 0);
        return segments;
    }
}
