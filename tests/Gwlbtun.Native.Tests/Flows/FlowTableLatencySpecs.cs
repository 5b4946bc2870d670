using System.Runtime.InteropServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>How long a single operation takes at the worst, in processor time of its thread: not being scheduled is not the table's doing.</summary>
[Collection(UndisturbedCollection.Name)]
public partial class FlowTableLatencySpecs
{
    private const long Limit = 1_000_000;

    // What the table does once at some size it does in the same part of each run. What the machine does to it (stolen time, interrupts)
    // may come at any moment: runs are repeated until each part has been undisturbed once.
    private const int MostRuns = 30;
    private const int Parts = 16;

    [Fact]
    public void Should_learn_in_less_than_a_millisecond_at_any_size_up_to_a_million_flows() =>
        AssertEveryPartIsOnceWithin(() =>
        {
            using var table = new FlowTable(new FlowTableOptions());
            return Worst(1_000_000, i => Learn(table, SampleFlow.Tcp4(i), eniId: 1));
        });

    [Fact]
    public void Should_learn_in_less_than_a_millisecond_at_any_number_of_header_shapes() =>
        AssertEveryPartIsOnceWithin(() =>
        {
            using var table = new FlowTable(new FlowTableOptions { MaxHeaderShapes = ushort.MaxValue });
            return Worst(ushort.MaxValue, i => Learn(table, SampleFlow.Tcp4(i), eniId: i));
        });

    [Fact]
    public void Should_learn_in_less_than_a_millisecond_when_all_flows_of_a_full_table_are_established() =>
        AssertEveryPartIsOnceWithin(() =>
        {
            const uint Flows = 20_000;
            using var table = new FlowTable(new FlowTableOptions { MaxFlows = Flows });
            for (uint i = 0; i < 8 * Flows; i++)
                Learn(table, SampleFlow.Mixed(i % Flows), eniId: 1);
            return Worst(200_000, i => Learn(table, SampleFlow.Mixed(Flows + i), eniId: 1));
        });

    [Fact]
    public void Should_sweep_256_places_in_less_than_a_millisecond_when_all_flows_expire() =>
        AssertEveryPartIsOnceWithin(() =>
        {
            using var table = new FlowTable(new FlowTableOptions());
            for (uint i = 0; i < 300_000; i++)
                Learn(table, SampleFlow.Mixed(i), eniId: 1 + (i % 50));
            return Worst(1_500, _ => table.Sweep(nowMs: 1_000_000, budget: 256));
        });

    private static void AssertEveryPartIsOnceWithin(Func<long[]> run)
    {
        long[] best = run();
        for (int i = 1; i < MostRuns && best.Max() >= Limit; i++)
            best = [.. best.Zip(run(), Math.Min)];
        Assert.InRange(best.Max(), 0, Limit);
    }

    // The longest operation of each part.
    private static long[] Worst(uint operations, Action<uint> operation)
    {
        long[] worst = new long[Parts];
        long before = ThreadTime();
        for (uint i = 0; i < operations; i++)
        {
            operation(i);
            long after = ThreadTime();
            ref long part = ref worst[(int)((long)i * Parts / operations)];
            part = Math.Max(part, after - before);
            before = after;
        }

        return worst;
    }

    private static void Learn(FlowTable table, in FlowKey key, ulong eniId)
    {
        Span<byte> header = stackalloc byte[GwlbGeneveHeader.StandardLength];
        GeneveWriter.WriteGwlbHeader(header, EtherType.Ipv4, eniId, attachmentId: 1, flowCookie: 1);
        _ = GwlbGeneveHeader.TryParse(header, out GwlbGeneveHeader parsed);
        table.Learn(key, header, parsed, new OuterPath(1, 2, 3), nowMs: 0);
    }

    // Nanoseconds.
    private static long ThreadTime()
    {
        // CLOCK_THREAD_CPUTIME_ID of <linux/time.h>.
        const int ThreadCpuTime = 3;
        Assert.Equal(0, clock_gettime(ThreadCpuTime, out Timespec time));
        return (time.Seconds * 1_000_000_000) + time.Nanoseconds;
    }

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, out Timespec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
