using System.Numerics;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>Counts latencies in buckets of at most 1.6 % width, from nanoseconds to hours, without storing them.</summary>
internal sealed class LatencyHistogram
{
    // 64 buckets to each power of two above 64.
    private const int SubBits = 6;
    private const int SubBuckets = 1 << SubBits;

    private readonly long[] _buckets = new long[(64 - SubBits) * SubBuckets];

    public long Count { get; private set; }

    /// <summary>The longest one, exactly.</summary>
    public long Max { get; private set; }

    public void Add(long nanoseconds)
    {
        nanoseconds = Math.Max(nanoseconds, 0);
        _buckets[BucketOf((ulong)nanoseconds)]++;
        Count++;
        Max = Math.Max(Max, nanoseconds);
    }

    /// <summary>The latency that a share of all do not exceed; 0 when there are none.</summary>
    /// <param name="share">0 to 1.</param>
    public long Quantile(double share)
    {
        long rank = (long)Math.Ceiling(share * Count);
        for (int bucket = 0; bucket < _buckets.Length; bucket++)
        {
            rank -= _buckets[bucket];
            if (rank <= 0 && Count > 0)
                return Math.Min(UpperEnd(bucket), Max);
        }

        return 0;
    }

    private static int BucketOf(ulong value)
    {
        int shift = Math.Max(BitOperations.Log2(value | 1) - SubBits, 0);
        return shift * SubBuckets + (int)(value >> shift);
    }

    private static long UpperEnd(int bucket)
    {
        int shift = Math.Max(bucket / SubBuckets - 1, 0);
        return ((long)(bucket - shift * SubBuckets) + 1 << shift) - 1;
    }
}
