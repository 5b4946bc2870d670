using BenchmarkDotNet.Attributes;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Benchmarks;

/// <summary>The Internet checksum against its scalar reference.</summary>
public class ChecksumBenchmarks
{
    private byte[] _bytes = null!;

    /// <summary>An IPv4 header, a small packet, and segments of the usual and of jumbo frames.</summary>
    [Params(20, 128, 1400, 8400)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Prepare() => new Random(1).NextBytes(_bytes = new byte[Length]);

    [Benchmark(Baseline = true)]
    public uint Reference() => InternetChecksum.SumReference(_bytes);

    [Benchmark]
    public uint Sum() => InternetChecksum.Sum(_bytes);
}
