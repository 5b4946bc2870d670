using BenchmarkDotNet.Attributes;
using Gwlbtun.Native.Flows;

namespace Gwlbtun.Benchmarks;

/// <summary>Learning new flows, per flow, from an empty table up to its size: memory, splits and all.</summary>
public class FlowTableGrowthBenchmarks
{
    private const int AllFlows = 1_000_000;

    private FlowBatch _batch = null!;

    [Params(FlowFamily.V4, FlowFamily.V6)]
    public FlowFamily Family { get; set; }

    [Params(10_000u, 1_000_000u)]
    public uint Flows { get; set; }

    [GlobalSetup]
    public void Prepare() => _batch = new FlowBatch(Family, Flows);

    /// <summary>One table of a million flows, or a hundred of ten thousand.</summary>
    [Benchmark(OperationsPerInvoke = AllFlows)]
    public void LearnNew()
    {
        for (uint learned = 0; learned < AllFlows; learned += Flows)
            _batch.Fill(new FlowTableOptions(), isReserved: false).Dispose();
    }
}
