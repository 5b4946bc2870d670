using BenchmarkDotNet.Attributes;
using Gwlbtun.Native.Flows;

namespace Gwlbtun.Benchmarks;

/// <summary>
/// Learning and finding, per packet, in batches of 64 packets of random flows. <see cref="Keys"/> is contained in all but
/// <see cref="LearnNewInFullTable"/>.
/// </summary>
public class FlowTableBenchmarks
{
    private FlowBatch _batch = null!;
    private FlowTable _table = null!;
    private FlowTable _full = null!;

    [Params(FlowFamily.V4, FlowFamily.V6)]
    public FlowFamily Family { get; set; }

    [Params(10_000u, 1_000_000u)]
    public uint Flows { get; set; }

    /// <summary>Whether the table was made that large before: its memory is then in huge pages.</summary>
    [Params(false, true)]
    public bool Reserved { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        _batch = new FlowBatch(Family, Flows);
        _table = _batch.Fill(new FlowTableOptions(), Reserved);
        _full = _batch.Fill(new FlowTableOptions { MaxFlows = Flows }, Reserved);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _table.Dispose();
        _full.Dispose();
    }

    [Benchmark(OperationsPerInvoke = FlowBatch.Size)]
    public void Keys() => _batch.ChooseKnown();

    [Benchmark(OperationsPerInvoke = FlowBatch.Size)]
    public void LearnKnown() => _batch.Learn(_table);

    [Benchmark(OperationsPerInvoke = FlowBatch.Size)]
    public void LearnKnownPrefetched() => _batch.LearnPrefetched(_table);

    [Benchmark(OperationsPerInvoke = FlowBatch.Size)]
    public void Find() => _batch.Find(_table);

    [Benchmark(OperationsPerInvoke = FlowBatch.Size)]
    public void FindPrefetched() => _batch.FindPrefetched(_table);

    /// <summary>Each evicts another.</summary>
    [Benchmark(OperationsPerInvoke = FlowBatch.Size)]
    public void LearnNewInFullTable() => _batch.LearnNew(_full);
}
