using System.Numerics;
using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// How a segment is changed. Its gate is held throughout; the sequence is odd just while something that readers see is
/// not whole.
/// </summary>
internal static unsafe class FlowPlacement
{
    /// <summary>From here on readers believe nothing of the segment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void BeginChange(FlowSegment* segment)
    {
        segment->Sequence++;
        Volatile.WriteBarrier();
    }

    /// <summary>Readers may believe it again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EndChange(FlowSegment* segment) => Volatile.Write(ref segment->Sequence, segment->Sequence + 1);

    /// <summary>
    /// A free place for a hash: in its first bucket, else in its second, else where another flow of either made room by
    /// going to its own other bucket. <see cref="FlowSegment.None"/> when even that is not possible.
    /// </summary>
    public static int FindPlace(FlowSegment* segment, ulong hash)
    {
        int first = FlowSegment.FirstBucket(hash, segment->BucketCount);
        int place = FlowSegment.FreePlace(segment, first);
        if (place != FlowSegment.None)
            return place;

        int second = FlowSegment.SecondBucket(hash, segment->BucketCount);
        if (second == first)
            return Displace(segment, first);

        place = FlowSegment.FreePlace(segment, second);
        if (place == FlowSegment.None)
            place = Displace(segment, first);
        return place != FlowSegment.None ? place : Displace(segment, second);
    }

    /// <summary>The flow that would give way in one of the two buckets of a hash.</summary>
    public static FlowCandidate Weakest(FlowSegment* segment, ulong hash, uint now)
    {
        int first = FlowSegment.FirstBucket(hash, segment->BucketCount);
        int second = FlowSegment.SecondBucket(hash, segment->BucketCount);
        FlowSegment.Prefetch(segment, first);
        FlowSegment.Prefetch(segment, second);
        FlowCandidate weakest = WeakestIn(segment, first, now);
        return second == first ? weakest : weakest.OrWeaker(WeakestIn(segment, second, now));
    }

    /// <summary>The flow of a bucket that would give way.</summary>
    public static FlowCandidate WeakestIn(FlowSegment* segment, int bucket, uint now)
    {
        FlowCandidate weakest = FlowCandidate.None;
        for (uint used = FlowSegment.Used(segment, bucket); used != 0; used &= used - 1)
        {
            int place = (bucket * FlowSegment.SlotsPerBucket) + BitOperations.TrailingZeroCount(used);
            weakest = weakest.OrWeaker(new FlowCandidate(place, FlowStanding.Weakness(FlowSegment.Entry(segment, place), now)));
        }

        return weakest;
    }

    /// <summary>Puts a flow into a free place.</summary>
    public static void Put(FlowSegment* segment, int place, in FlowKey key, ulong hash, in HeaderSlot slot, uint now)
    {
        BeginChange(segment);
        FlowEntry.Write(FlowSegment.Entry(segment, place), segment->Stride, key, hash, slot, now);
        FlowSegment.Tag(segment, place) = FlowSegment.TagOf(hash);
        segment->Count++;
        EndChange(segment);
    }

    /// <summary>Takes a flow out. Its templates are the caller's to release, afterwards.</summary>
    public static void Remove(FlowSegment* segment, int place)
    {
        BeginChange(segment);
        FlowSegment.Tag(segment, place) = 0;
        segment->Count--;
        EndChange(segment);
    }

    /// <summary>The same, and gives its templates back.</summary>
    public static void Remove(FlowSegment* segment, int place, HeaderTemplates templates)
    {
        FlowEntry* entry = FlowSegment.Entry(segment, place);
        Remove(segment, place);
        templates.Release(entry->Slot0.Template);
        templates.Release(entry->Slot1.Template);
    }

    /// <summary>Adds a bucket, and moves into it what belongs there: entries of one other bucket.</summary>
    public static void AddBucket(FlowSegment* segment, byte* block)
    {
        int added = segment->BucketCount;
        int shared = FlowSegment.SharedBy(added);
        BeginChange(segment);
        FlowSegment.SetBucket(segment, added, block);
        Volatile.Write(ref segment->BucketCount, added + 1);
        int free = added * FlowSegment.SlotsPerBucket;
        for (uint used = FlowSegment.Used(segment, shared); used != 0; used &= used - 1)
        {
            int place = (shared * FlowSegment.SlotsPerBucket) + BitOperations.TrailingZeroCount(used);
            ulong hash = FlowSegment.Entry(segment, place)->Hash;
            if (FlowSegment.FirstBucket(hash, added + 1) != shared && FlowSegment.SecondBucket(hash, added + 1) != shared)
                Move(segment, place, free++);
        }

        EndChange(segment);
    }

    /// <summary>Copies a flow from one segment into a free place of another that no reader sees yet.</summary>
    public static void Copy(FlowSegment* from, int place, FlowSegment* to, int toPlace)
    {
        Unsafe.CopyBlock(FlowSegment.Entry(to, toPlace), FlowSegment.Entry(from, place), (uint)from->Stride);
        FlowSegment.Tag(to, toPlace) = FlowSegment.Tag(from, place);
        to->Count++;
    }

    // Sends one flow of a full bucket to its other one, and says which place that leaves.
    private static int Displace(FlowSegment* segment, int bucket)
    {
        int start = bucket * FlowSegment.SlotsPerBucket;
        for (int place = start; place < start + FlowSegment.SlotsPerBucket; place++)
        {
            ulong hash = FlowSegment.Entry(segment, place)->Hash;
            int other = FlowSegment.FirstBucket(hash, segment->BucketCount);
            if (other == bucket)
                other = FlowSegment.SecondBucket(hash, segment->BucketCount);
            if (other == bucket)
                continue;

            int free = FlowSegment.FreePlace(segment, other);
            if (free == FlowSegment.None)
                continue;

            BeginChange(segment);
            Move(segment, place, free);
            EndChange(segment);
            return place;
        }

        return FlowSegment.None;
    }

    private static void Move(FlowSegment* segment, int from, int to)
    {
        Unsafe.CopyBlock(FlowSegment.Entry(segment, to), FlowSegment.Entry(segment, from), (uint)segment->Stride);
        FlowSegment.Tag(segment, to) = FlowSegment.Tag(segment, from);
        FlowSegment.Tag(segment, from) = 0;
    }
}
