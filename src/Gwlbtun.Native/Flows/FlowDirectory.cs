using System.Numerics;
using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// Extendible hashing: 2^depth pointers to segments, indexed by the first bits of the hash. A segment grows by a bucket
/// at a time; when it is full, two halves replace it; when it was the only one with its prefix, a directory of twice the length
/// replaces the directory. So growth costs a segment's worth of copying at a time, whatever the size of the table.
/// </summary>
/// <remarks>
/// <para>Readers take the array, then the pointer, and check that the segment covers their hash; if it does not, they
/// were late, and look again. Writers likewise, once they hold the segment's gate.</para>
/// <para>Pointers are stored under the directory's own gate. An array that was replaced is kept until <see cref="Dispose"/>: all
/// of them together are no larger than the last.</para>
/// <para>Order of gates: segment, then directory or pool or templates. Two segments only for the halves of a split, which
/// nobody else can hold for longer than it takes to see that they cover nothing yet.</para>
/// </remarks>
internal sealed unsafe class FlowDirectory : IDisposable
{
    // Of 16 slots in a bucket. With more, two choices begin to fail, and each insert has to search for a way out.
    public const int CrowdedAt = 14;

    // What the halves of a split start with: room for the flows to come next.
    private const int FillAfterSplit = 13;

    // 2^24 segments hold 15 billion flows: reached only if hashing failed.
    private const int MaxDepth = 24;

    // No depth has so many bits in its prefix: covers nothing.
    private const ulong NoPrefix = ulong.MaxValue;

    private readonly NativeBlockPool _segments;
    private readonly NativeBlockPool _buckets;
    private readonly int _stride;
    private nint _array;
    private int _gate;
    private long _arrayBytes;

    /// <param name="stride">Bytes from entry to entry.</param>
    /// <param name="limitBytes">What the buckets may take at most.</param>
    public FlowDirectory(int stride, long limitBytes)
    {
        _stride = stride;
        _segments = new NativeBlockPool(FlowSegment.SizeInBytes, FlowSegment.LinkOffset, cleared: true, long.MaxValue);
        _buckets = new NativeBlockPool(stride * FlowSegment.SlotsPerBucket, FlowEntry.HashOffset, cleared: false, limitBytes);
        DirectoryArray* array = DirectoryArray.TryCreate(depth: 0, previous: null);
        FlowSegment* only = TryBuild(depth: 0, buckets: 1);
        if (array == null || only == null)
        {
            DirectoryArray.Free(array);
            Dispose();
            throw new InsufficientMemoryException("There is no memory for an empty flow table.");
        }

        DirectoryArray.At(array, 0) = (nint)only;
        _array = (nint)array;
        _arrayBytes = DirectoryArray.SizeInBytes(0);
        Reveal(only, prefix: 0);
        SpinGate.Exit(ref only->Gate);
    }

    /// <summary>Native memory taken, used or not.</summary>
    public long Bytes => _segments.Bytes + _buckets.Bytes + Volatile.Read(ref _arrayBytes);

    /// <summary>Reads a flow's slots as they stood together at one moment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FlowReading Read(in FlowKey key, ulong hash)
    {
        SpinWait spin = default;
        while (true)
        {
            FlowSegment* segment = Locate(hash);
            uint sequence = FlowSegment.Observe(segment);
            if ((sequence & 1) == 0 && FlowSegment.Covers(segment, hash))
            {
                var reading = new FlowReading(segment, sequence, FlowSegment.Find(segment, key, hash), key.Direction);
                if (reading.IsStillTrue)
                    return reading;
            }

            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Has what a hash leads to brought into the cache. Right or not, nothing depends on it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(ulong hash) => FlowSegment.Prefetch(Locate(hash), hash);

    /// <summary>The segment of a hash, its gate ours; the caller opens it again.</summary>
    public FlowSegment* Take(ulong hash)
    {
        while (true)
        {
            FlowSegment* segment = Locate(hash);
            SpinGate.Enter(ref segment->Gate);
            if (FlowSegment.Covers(segment, hash))
                return segment;
            SpinGate.Exit(ref segment->Gate);
        }
    }

    /// <summary>
    /// A free place for a hash in a segment that was taken, which is made to grow if need be. When it splits, the half that covers
    /// the hash, taken, stands in for it. <see cref="FlowSegment.None"/> when there is no memory, or hashing failed.
    /// </summary>
    public int MakePlace(ref FlowSegment* segment, ulong hash)
    {
        while (true)
        {
            if (segment->Count < segment->BucketCount * CrowdedAt)
            {
                int place = FlowPlacement.FindPlace(segment, hash);
                if (place != FlowSegment.None)
                    return place;
            }

            if (!(segment->BucketCount == FlowSegment.MaxBuckets ? TrySplit(ref segment, hash) : TryGrow(segment)))
                return FlowPlacement.FindPlace(segment, hash);
        }
    }

    /// <summary>
    /// Has memory mapped and faulted in until the directory can have so many segments and buckets, with those that it has; false when
    /// there is not so much. No gate is held meanwhile.
    /// </summary>
    public bool TryReserveMemory(long segments, long buckets)
    {
        // A segment gives back what it has after its halves have taken what they need.
        return segments == 1
            ? _buckets.TryReserveTotal(buckets)
            : _segments.TryReserveTotal(segments + 1) && _buckets.TryReserveTotal(buckets + FlowSegment.MaxBuckets);
    }

    /// <summary>Has the next 2 MiB of a large directory mapped and faulted in before a flow needs them.</summary>
    public void PrepareToGrow()
    {
        _segments.PrepareToGrow();
        _buckets.PrepareToGrow();
    }

    public void Dispose()
    {
        DirectoryArray.Free((DirectoryArray*)_array);
        _array = 0;
        _arrayBytes = 0;
        _segments.Dispose();
        _buckets.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private FlowSegment* Locate(ulong hash)
    {
        var array = (DirectoryArray*)Volatile.Read(ref _array);
        return (FlowSegment*)Volatile.Read(ref DirectoryArray.At(array, FlowSegment.PrefixOf(hash, array->Depth)));
    }

    /// <summary>Adds a bucket to a segment that was taken; false when it has all it can have, or there is no memory.</summary>
    public bool TryGrow(FlowSegment* segment)
    {
        if (segment->BucketCount == FlowSegment.MaxBuckets)
            return false;
        byte* block = _buckets.TryRent();
        if (block == null)
            return false;
        FlowPlacement.AddBucket(segment, block);
        return true;
    }

    /// <summary>
    /// Puts two halves in the place of a segment that was taken. The one that covers the hash, taken, stands in for it; false, and
    /// nothing has changed, when there is no memory.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool TrySplit(ref FlowSegment* segment, ulong hash)
    {
        FlowSegment* whole = segment;
        int depth = whole->Depth + 1;
        if (depth > MaxDepth)
            return false;

        int upperCount = CountUpper(whole, depth);
        FlowSegment* lower = TryBuild(depth, BucketsFor(whole->Count - upperCount));
        FlowSegment* upper = TryBuild(depth, BucketsFor(upperCount));
        if (lower == null || upper == null || !TryDistribute(whole, lower, upper) || !TryPublish(whole, lower, upper))
        {
            Discard(lower);
            Discard(upper);
            return false;
        }

        ulong prefix = whole->Prefix << 1;
        Discard(whole);
        Reveal(lower, prefix);
        Reveal(upper, prefix + 1);
        bool isUpper = IsUpper(hash, depth);
        segment = isUpper ? upper : lower;
        SpinGate.Exit(ref (isUpper ? lower : upper)->Gate);
        return true;
    }

    // A segment that is ours and covers nothing yet, or null.
    private FlowSegment* TryBuild(int depth, int buckets)
    {
        var segment = (FlowSegment*)_segments.TryRent();
        if (segment == null)
            return null;

        // A writer who is late may hold the gate of a header that lay in the pool, for a moment.
        SpinGate.Enter(ref segment->Gate);
        FlowPlacement.BeginChange(segment);
        segment->Prefix = NoPrefix;
        segment->Depth = depth;
        segment->Stride = _stride;
        segment->Count = 0;
        FlowPlacement.EndChange(segment);
        while (segment->BucketCount < buckets)
        {
            byte* block = _buckets.TryRent();
            if (block == null)
            {
                Discard(segment);
                return null;
            }

            FlowPlacement.BeginChange(segment);
            FlowSegment.SetBucket(segment, segment->BucketCount, block);
            Volatile.Write(ref segment->BucketCount, segment->BucketCount + 1);
            FlowPlacement.EndChange(segment);
        }

        return segment;
    }

    private bool TryDistribute(FlowSegment* whole, FlowSegment* lower, FlowSegment* upper)
    {
        for (int bucket = 0; bucket < whole->BucketCount; bucket++)
        {
            for (uint used = FlowSegment.Used(whole, bucket); used != 0; used &= used - 1)
            {
                int from = (bucket * FlowSegment.SlotsPerBucket) + BitOperations.TrailingZeroCount(used);
                ulong hash = FlowSegment.Entry(whole, from)->Hash;
                FlowSegment* half = IsUpper(hash, lower->Depth) ? upper : lower;
                int to;
                while ((to = FlowPlacement.FindPlace(half, hash)) == FlowSegment.None)
                {
                    if (!TryGrow(half))
                        return false;
                }

                FlowPlacement.Copy(whole, from, half, to);
            }
        }

        return true;
    }

    private bool TryPublish(FlowSegment* whole, FlowSegment* lower, FlowSegment* upper)
    {
        SpinGate.Enter(ref _gate);
        var array = (DirectoryArray*)_array;
        if (lower->Depth > array->Depth)
        {
            array = DirectoryArray.TryDouble(array);
            if (array == null)
            {
                SpinGate.Exit(ref _gate);
                return false;
            }

            Volatile.Write(ref _arrayBytes, _arrayBytes + DirectoryArray.SizeInBytes(array->Depth));
            Volatile.Write(ref _array, (nint)array);
        }

        int sharing = array->Depth - lower->Depth;
        ulong first = whole->Prefix << (sharing + 1);
        ulong each = 1ul << sharing;
        for (ulong i = 0; i < each; i++)
        {
            Volatile.Write(ref DirectoryArray.At(array, first + i), (nint)lower);
            Volatile.Write(ref DirectoryArray.At(array, first + each + i), (nint)upper);
        }

        SpinGate.Exit(ref _gate);
        return true;
    }

    private static void Reveal(FlowSegment* segment, ulong prefix)
    {
        FlowPlacement.BeginChange(segment);
        segment->Prefix = prefix;
        FlowPlacement.EndChange(segment);
    }

    // Tells readers first, then gives everything back to the pools.
    private void Discard(FlowSegment* segment)
    {
        if (segment == null)
            return;

        int buckets = segment->BucketCount;
        FlowPlacement.BeginChange(segment);
        segment->BucketCount = 0;
        FlowPlacement.EndChange(segment);
        for (int bucket = 0; bucket < buckets; bucket++)
            _buckets.Return(FlowSegment.Bucket(segment, bucket));
        SpinGate.Exit(ref segment->Gate);
        _segments.Return((byte*)segment);
    }

    private static int CountUpper(FlowSegment* segment, int depth)
    {
        int count = 0;
        for (int bucket = 0; bucket < segment->BucketCount; bucket++)
        {
            for (uint used = FlowSegment.Used(segment, bucket); used != 0; used &= used - 1)
            {
                int place = (bucket * FlowSegment.SlotsPerBucket) + BitOperations.TrailingZeroCount(used);
                count += IsUpper(FlowSegment.Entry(segment, place)->Hash, depth) ? 1 : 0;
            }
        }

        return count;
    }

    private static bool IsUpper(ulong hash, int depth) => (FlowSegment.PrefixOf(hash, depth) & 1) != 0;

    private static int BucketsFor(int count) =>
        Math.Clamp((count + FillAfterSplit - 1) / FillAfterSplit, 1, FlowSegment.MaxBuckets);
}
