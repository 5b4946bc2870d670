using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

[Collection(UndisturbedCollection.Name)]
public class FlowTableMemorySpecs
{
    private const int BytesPerFlow = 128;

    [Fact]
    public void Should_take_at_most_128_bytes_for_each_of_a_million_IPv4_flows_and_give_them_back()
    {
        const uint Flows = 1_000_000;
        var table = new FlowTable(new FlowTableOptions());
        long before = ResidentBytes();

        for (uint i = 0; i < Flows; i++)
        {
            LearnBothWays(table, SampleFlow.Tcp4(i), SampleFlow.Tcp4(i, reversed: true), i);
            if (i % 250_000 == 0 && i > 0)
                Assert.InRange(table.MemoryBytes / i, 64, BytesPerFlow);
        }

        long resident = ResidentBytes() - before;
        long taken = table.MemoryBytes;
        Assert.Equal(Flows, table.Count(FlowFamily.V4, FlowProtocol.Tcp));
        Assert.InRange(table.MemoryBytes / (double)Flows, 64, BytesPerFlow);
        Assert.InRange(resident / (double)Flows, 64, BytesPerFlow);
        for (uint i = 0; i < Flows; i += 101)
            Assert.True(SampleFlow.IsKnown(table, SampleFlow.Tcp4(i)));

        table.Dispose();

        Assert.InRange(ResidentBytes() - before, long.MinValue, taken / 10);
    }

    [Theory]
    [InlineData(0, 24_000)]
    [InlineData(100, 64_000)]
    [InlineData(1_000, 280_000)]
    [InlineData(10_000, 1_300_000)]
    [InlineData(60_000, 7_700_000)]
    public void Should_take_no_huge_page_for_a_table_that_would_use_a_small_part_of_it(uint flows, long mostBytes)
    {
        using var table = new FlowTable(new FlowTableOptions());
        for (uint i = 0; i < flows; i++)
        {
            LearnBothWays(table, SampleFlow.Tcp4(i), SampleFlow.Tcp4(i, reversed: true), i);
            table.Sweep(nowMs: i, budget: 16);
        }

        Assert.InRange(table.MemoryBytes, 1, mostBytes);
    }

    [Fact]
    public void Should_have_the_sweeper_make_a_large_table_grow_in_huge_pages()
    {
        using var table = new FlowTable(new FlowTableOptions());
        for (uint i = 0; i < 150_000; i++)
            LearnBothWays(table, SampleFlow.Tcp4(i), SampleFlow.Tcp4(i, reversed: true), i);
        long before = table.MemoryBytes;

        for (int i = 0; i < 10; i++)
            table.Sweep(nowMs: 150_000, budget: 16);

        // One is enough, until it is used.
        Assert.Equal(before + Pages.HugePage, table.MemoryBytes);
    }

    [Fact]
    public void Should_allocate_nothing_on_the_managed_heap_while_flows_come_and_go()
    {
        using var table = new FlowTable(new FlowTableOptions { MaxFlows = 30_000 });
        uint from = 0;
        // Once before, for what the runtime allocates when it compiles.
        Exercise(table, from);

        Assert.Equal(0, Allocations.InLeastRound(() => Exercise(table, from += 100_000)));
        Assert.InRange(table.Evicted, 1, long.MaxValue);
        Assert.InRange(table.TimedOut(FlowFamily.V6, FlowProtocol.Udp), 1, long.MaxValue);
    }

    private static void Exercise(FlowTable table, uint from)
    {
        Span<byte> answer = stackalloc byte[GwlbGeneveHeader.MaximumLength];
        for (uint i = from; i < from + 50_000; i++)
        {
            LearnBothWays(table, SampleFlow.Mixed(i), SampleFlow.Mixed(i, reversed: true), i);
            LearnBothWays(table, SampleFlow.Mixed(i), SampleFlow.Mixed(i, reversed: true), i);
            table.Find(SampleFlow.Mixed(i), answer, out _, i);
            // Towards the end, flows also expire.
            table.Sweep(i < from + 40_000 ? i : i + 1_000_000, 64);
        }
    }

    private static void LearnBothWays(FlowTable table, in FlowKey there, in FlowKey back, uint cookie)
    {
        Span<byte> header = stackalloc byte[GwlbGeneveHeader.StandardLength];
        GeneveWriter.WriteGwlbHeader(header, EtherType.Ipv4, eniId: 1 + (cookie % 5), attachmentId: cookie, flowCookie: cookie);
        _ = GwlbGeneveHeader.TryParse(header, out GwlbGeneveHeader parsed);
        table.Learn(there, header, parsed, new OuterPath(1, 2, (ushort)cookie), cookie);
        table.Learn(back, header, parsed, new OuterPath(3, 2, (ushort)cookie), cookie);
    }

    private static long ResidentBytes()
    {
        // proc_pid_statm(5): the second number is the resident set in pages.
        string pages = File.ReadAllText("/proc/self/statm").Split(' ')[1];
        return long.Parse(pages, System.Globalization.CultureInfo.InvariantCulture) * Environment.SystemPageSize;
    }
}
