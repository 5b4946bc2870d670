using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>
/// Many threads at once. Every header names, in its cookie and attachment ID, the flow and the variant that it is, and all of
/// its other bytes follow from these: so a reader can tell a header put together from two, or one of another flow.
/// GWLBTUN_STRESS_TIMES in the environment makes it as many times as long.
/// </summary>
public class FlowTableStressSpecs(ITestOutputHelper output)
{
    private static readonly int _times = int.TryParse(Environment.GetEnvironmentVariable("GWLBTUN_STRESS_TIMES"), out int times) ? times : 1;

    private const int Writers = 3;
    private const int Readers = 2;
    private const int FindsPerTurn = 64;

    [Theory]
    // One segment, where all meet; a template is released and used for another shape at every second learn.
    [InlineData(2, 500, 500, 2_000_000, 150_000)]
    // Growth and splits all the time.
    [InlineData(40_000, 2, 60, 2_000_000, 60_000)]
    // Full: each new flow evicts another, and there are more shapes than may be held.
    [InlineData(20_000, 2, 1_000, 3_000, 60_000)]
    public async Task Should_never_return_a_torn_or_foreign_header(int flows, int variants, int shapes, int maxFlows, int learnsPerWriter)
    {
        var samples = new Samples(flows, variants, shapes);
        var budget = new FlowBudget(maxFlows, maxTables: 1);
        using var table = new FlowTable(new FlowTableOptions
        {
            MaxHeaderShapes = 800,
            TcpIdle = TimeSpan.FromSeconds(2),
            UdpIdle = TimeSpan.FromSeconds(1),
            OtherIdle = TimeSpan.FromSeconds(1),
            TcpClosing = TimeSpan.FromMilliseconds(300),
        }, budget);
        long clock = 0;
        long found = 0;
        long operations = 0;
        await Run(
            writer: random =>
            {
                for (long i = 0; i < (long)learnsPerWriter * _times; i++)
                {
                    int flow = random.Next(flows);
                    samples.Learn(table, flow, random, Interlocked.Add(ref clock, 3) / 64);
                }

                Interlocked.Add(ref operations, (long)learnsPerWriter * _times);
            },
            reader: random =>
            {
                int hits = 0;
                for (int i = 0; i < FindsPerTurn; i++)
                    hits += samples.TryFind(table, random.Next(flows), random, Volatile.Read(ref clock) / 64, mayBeExact: true) ? 1 : 0;
                Interlocked.Add(ref found, hits);
                Interlocked.Add(ref operations, FindsPerTurn);
            },
            other: random =>
            {
                table.Sweep(Volatile.Read(ref clock) / 64, budget: 128);
                if (random.Next(1_000) == 0)
                    table.Reserve((FlowFamily)random.Next(2), random.Next(flows));
            });

        output.WriteLine($"{operations:N0} operations, {found:N0} of them found a header, {table.Evicted:N0} flows gave way");
        Assert.NotEqual(0, found);
        Assert.InRange(SampleFlow.CountAll(table), 0, maxFlows);
        // The first round goes on from wherever the sweeper stopped.
        SampleFlow.SweepAll(table, clock + 1_000_000);
        SampleFlow.SweepAll(table, clock + 1_000_000);
        Assert.Equal(0, SampleFlow.CountAll(table));
        Assert.Equal(0, table.HeaderShapes);
        Assert.Equal(0, budget.SharedTaken);
    }

    [Fact]
    public async Task Should_never_miss_a_flow_that_is_there_while_others_come_and_headers_change()
    {
        const int Steady = 2_000;
        const int Flows = 50_000;
        var samples = new Samples(Flows, variants: 2, shapes: 40);
        using var table = new FlowTable(new FlowTableOptions());
        for (int flow = 0; flow < Steady; flow++)
            samples.First(flow).LearnInto(table, SampleFlow.Mixed((uint)flow));

        await Run(
            writer: random =>
            {
                for (int i = 0; i < Flows; i++)
                {
                    samples.First(i).LearnInto(table, SampleFlow.Mixed((uint)i));
                    int steady = random.Next(Steady);
                    samples.Any(steady, random).LearnInto(table, Samples.Key(steady, random));
                }
            },
            reader: random => Assert.True(samples.TryFind(table, random.Next(Steady), random, now: 0, mayBeExact: false)),
            other: _ => table.Sweep(nowMs: 0, budget: 128));

        Assert.Equal(Flows, SampleFlow.CountAll(table));
        for (int flow = 0; flow < Flows; flow++)
            Assert.True(SampleFlow.IsKnown(table, SampleFlow.Mixed((uint)flow)));
    }

    // Readers and the other one go round until the writers are through.
    private static async Task Run(Action<Random> writer, Action<Random> reader, Action<Random> other)
    {
        using var done = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, Writers).Select(seed => Start(() => writer(new Random(seed))))];
        Task[] others =
        [
            .. Enumerable.Range(100, Readers).Select(seed => Start(() =>
            {
                var random = new Random(seed);
                do
                    reader(random);
                while (!done.IsCancellationRequested);
            })),
            Start(() =>
            {
                var random = new Random(200);
                do
                    other(random);
                while (!done.IsCancellationRequested);
            }),
        ];
        await Task.WhenAny(Task.WhenAll(writers), Task.WhenAny(others));
        await done.CancelAsync();
        await Task.WhenAll([.. writers, .. others]);
    }

    private static Task Start(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>The headers that may be learned, made beforehand so that the threads spend their time in the table.</summary>
    private sealed class Samples
    {
        private readonly int _variants;
        private readonly SampleHeader[] _headers;

        public Samples(int flows, int variants, int shapes)
        {
            _variants = variants;
            _headers = [.. Enumerable.Range(0, flows * variants).Select(index =>
            {
                ulong mixed = (ulong)(index + 1) * 0x9E37_79B9_7F4A_7C15;
                return SampleHeader.Shaped((int)((mixed >> 33) % (ulong)shapes), (uint)index, attachmentId: ~(ulong)index, (ushort)(mixed >> 16));
            })];
        }

        public SampleHeader First(int flow) => _headers[flow * _variants];

        public SampleHeader Any(int flow, Random random) => _headers[(flow * _variants) + random.Next(_variants)];

        public static FlowKey Key(int flow, Random random) => SampleFlow.Mixed((uint)flow, reversed: random.Next(2) == 0);

        /// <summary>One of the ways to learn, with a signal now and then.</summary>
        public void Learn(FlowTable table, int flow, Random random, long now)
        {
            FlowKey key = Key(flow, random);
            SampleHeader header = Any(flow, random);
            TcpSignal signal = random.Next(4) == 0 ? (TcpSignal)random.Next(3) : TcpSignal.None;
            if (random.Next(2) == 0)
                table.Learn(key, header.Bytes, header.Parsed, header.Path, now, signal);
            else
                table.Learn(table.Prefetch(key), header.Bytes, header.Parsed, header.Path, now, signal);
        }

        /// <summary>Looks a flow up, in one of the ways, and checks what is found to the last byte.</summary>
        public bool TryFind(FlowTable table, int flow, Random random, long now, bool mayBeExact)
        {
            Span<byte> answer = stackalloc byte[GwlbGeneveHeader.MaximumLength];
            FlowKey key = Key(flow, random);
            OuterPath path;
            int length = random.Next(mayBeExact ? 3 : 2) switch
            {
                0 => table.Find(key, answer, out path, now),
                1 => table.Find(table.Prefetch(key), answer, out path, now, TcpSignal.Closes),
                _ => table.FindExact(key, answer, out path, now),
            };
            if (length == 0)
                return false;

            Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(answer[..length], out GwlbGeneveHeader parsed));
            Assert.InRange(parsed.FlowCookie, (uint)(flow * _variants), (uint)(((flow + 1) * _variants) - 1));
            SampleHeader expected = _headers[parsed.FlowCookie];
            Assert.True(answer[..length].SequenceEqual(expected.Bytes));
            Assert.Equal(expected.Path, path);
            return true;
        }
    }
}
