using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>
/// Every header's bytes follow from the flow's number and one random number, so that a reader can tell a header put
/// together from two others, or one that belongs to another flow.
/// </summary>
public class FlowTableStressSpecs
{
    private const int Writers = 3;
    private const int Readers = 2;

    [Theory]
    // One segment, where all meet.
    [InlineData(40, 4, 2_000_000, 100_000)]
    // Growth and splits the whole time.
    [InlineData(60_000, 50, 2_000_000, 80_000)]
    // Full: each insert evicts; more shapes than templates may be held.
    [InlineData(30_000, 2_000, 4_000, 80_000)]
    public async Task Should_never_return_a_torn_or_foreign_header(int flows, int shapes, int maxFlows, int learnsPerWriter)
    {
        using var table = new FlowTable(new FlowTableOptions
        {
            MaxFlows = maxFlows,
            MaxHeaderShapes = 1_000,
            TcpIdle = TimeSpan.FromSeconds(2),
            UdpIdle = TimeSpan.FromSeconds(1),
            OtherIdle = TimeSpan.FromSeconds(1),
        });
        long clock = 0;
        long found = 0;
        using var done = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, Writers).Select(seed => Run(() =>
        {
            var random = new Random(seed);
            for (int i = 0; i < learnsPerWriter; i++)
                Derived(random, (uint)random.Next(flows), shapes, out FlowKey key).LearnInto(table, key, Interlocked.Add(ref clock, 3) / 64);
        }))];
        Task[] readers = [.. Enumerable.Range(100, Readers).Select(seed => Run(() =>
        {
            var random = new Random(seed);
            byte[] answer = new byte[GwlbGeneveHeader.MaximumLength];
            while (!done.IsCancellationRequested)
            {
                uint flow = (uint)random.Next(flows);
                int length = table.Find(SampleFlow.Mixed(flow, random.Next(2) == 0), answer, out OuterPath path, Volatile.Read(ref clock) / 64);
                if (length != 0)
                {
                    AssertDerived(flow, shapes, answer.AsSpan(0, length), path);
                    Interlocked.Increment(ref found);
                }
            }
        }))];
        Task sweeper = Run(() =>
        {
            while (!done.IsCancellationRequested)
                table.Sweep(Volatile.Read(ref clock) / 64, budget: 128);
        });

        await Task.WhenAny(Task.WhenAll(writers), Task.WhenAny([.. readers, sweeper]));
        await done.CancelAsync();
        await Task.WhenAll([.. writers, .. readers, sweeper]);

        Assert.NotEqual(0, found);
        Assert.InRange(SampleFlow.CountAll(table), 0, maxFlows);
        AssertCountersCoverWhatIsKnown(table, flows);
        // The first round goes on from wherever the sweeper stopped.
        SampleFlow.SweepAll(table, clock + 1_000_000);
        SampleFlow.SweepAll(table, clock + 1_000_000);
        Assert.Equal(0, SampleFlow.CountAll(table));
        Assert.Equal(0, table.HeaderShapes);
    }

    private static void AssertCountersCoverWhatIsKnown(FlowTable table, int flows)
    {
        var known = new Dictionary<(FlowFamily, FlowProtocol), long>();
        for (uint flow = 0; flow < flows; flow++)
        {
            FlowKey key = SampleFlow.Mixed(flow);
            if (SampleFlow.IsKnown(table, key) || SampleFlow.IsKnown(table, SampleFlow.Mixed(flow, reversed: true)))
                known[(key.Family, key.Kind)] = known.GetValueOrDefault((key.Family, key.Kind)) + 1;
        }

        // A flow whose only slot was emptied for want of a template is counted, but not answered.
        Assert.All(known, entry => Assert.InRange(entry.Value, 0, table.Count(entry.Key.Item1, entry.Key.Item2)));
    }

    private static Task Run(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static SampleHeader Derived(Random random, uint flow, int shapes, out FlowKey key)
    {
        uint seed = (uint)random.NextInt64(uint.MaxValue);
        key = SampleFlow.Mixed(flow, random.Next(2) == 0);
        return Derive(flow, seed, shapes);
    }

    // The seed is the cookie, so that a reader can tell it.
    private static SampleHeader Derive(uint flow, uint seed, int shapes)
    {
        ulong mixed = (seed + 1) * 0x9E37_79B9_7F4A_7C15;
        int shape = (int)((mixed >> 33) % (ulong)shapes);
        return SampleHeader.Shaped(shape, seed, (((ulong)flow << 32) | (uint)mixed), (ushort)(mixed >> 16));
    }

    private static void AssertDerived(uint flow, int shapes, ReadOnlySpan<byte> header, OuterPath path)
    {
        Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(header, out GwlbGeneveHeader parsed));
        SampleHeader expected = Derive(flow, parsed.FlowCookie, shapes);
        Assert.True(header.SequenceEqual(expected.Bytes));
        Assert.Equal(expected.Path, path);
    }
}
