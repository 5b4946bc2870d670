using System.Numerics;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// Makes room in a table that is full, see <see cref="FlowStanding"/> for the order. It looks in the two buckets of the hash that wants
/// in, goes further when only established flows stand there, and looks at the other family's flows as often as is that family's share.
/// </summary>
internal sealed unsafe class FlowEviction(FlowDirectory[] families, HeaderTemplates templates, FlowCounters counters)
{
    // Buckets with flows that are looked at when the two of the hash hold established flows only. Where all others do, too, about one
    // established flow in forty gives way to a flood, which then has places to displace itself from.
    private const int BucketsTried = 16;

    // Segments that are looked at for any flow at all.
    private const int SegmentsTried = 8;

    /// <summary>
    /// Clears a place for a hash in a segment that was taken. The place in the table's count is the new flow's.
    /// <see cref="FlowSegment.None"/> when it is better to look elsewhere, by <see cref="TryMakeRoom"/>.
    /// </summary>
    public int TryReplace(FlowSegment* segment, FlowFamily family, ulong hash, uint now)
    {
        FlowCandidate candidate = FlowPlacement.Weakest(segment, hash, now);
        if (!candidate.IsWeak || LooksAtOther(family, hash))
            return FlowSegment.None;
        Evict(segment, candidate.Place, family);
        return candidate.Place;
    }

    /// <summary>
    /// Clears a place for a hash in a segment that was taken and cannot grow, whoever stands there. The place in the table's count is free.
    /// </summary>
    public int Replace(FlowSegment* segment, FlowFamily family, ulong hash, uint now)
    {
        FlowCandidate candidate = FlowPlacement.Weakest(segment, hash, now);
        if (candidate.Exists)
        {
            Evict(segment, candidate.Place, family);
            counters.Unreserve();
        }

        return candidate.Place;
    }

    /// <summary>
    /// Takes a flow out, near the hash or elsewhere, unless only established ones are found and the budget has one more for that case. The
    /// place in the table's count is the caller's. No gate is held.
    /// </summary>
    public bool TryMakeRoom(FlowFamily family, ulong hash, uint now)
    {
        FlowFamily other = Other(family);
        if (LooksAtOther(family, hash) && Look(other, hash, now).Weakness > Look(family, hash, now).Weakness)
            (family, other) = (other, family);
        for (int attempt = 0; attempt < SegmentsTried; attempt++)
        {
            if (TryEvict(family, hash, now) || TryEvict(other, hash, now))
                return true;
            hash = Next(hash);
        }

        return counters.TryReserve(isAllEstablished: true);
    }

    /// <summary>Takes a weak flow out of where a hash leads, if one stands there, for those who need its place more. No gate is held.</summary>
    public void GiveBackOne(FlowFamily family, ulong hash, uint now)
    {
        FlowSegment* segment = families[(int)family].Take(hash);
        FlowCandidate candidate = FlowPlacement.Weakest(segment, hash, now);
        if (candidate.IsWeak)
        {
            Evict(segment, candidate.Place, family);
            counters.Unreserve();
        }

        SpinGate.Exit(ref segment->Gate);
    }

    private FlowCandidate Look(FlowFamily family, ulong hash, uint now)
    {
        FlowSegment* segment = families[(int)family].Take(hash);
        FlowCandidate candidate = WeakestNear(segment, hash, now);
        SpinGate.Exit(ref segment->Gate);
        return candidate;
    }

    private bool TryEvict(FlowFamily family, ulong hash, uint now)
    {
        FlowSegment* segment = families[(int)family].Take(hash);
        FlowCandidate candidate = WeakestNear(segment, hash, now);
        bool isSpared = candidate.Exists && !candidate.IsWeak && counters.TryReserve(isAllEstablished: true);
        if (candidate.Exists && !isSpared)
            Evict(segment, candidate.Place, family);
        SpinGate.Exit(ref segment->Gate);
        return candidate.Exists || isSpared;
    }

    // Empty buckets cost next to nothing to look at, and a table that has shrunk may have many.
    private static FlowCandidate WeakestNear(FlowSegment* segment, ulong hash, uint now)
    {
        FlowCandidate weakest = FlowPlacement.Weakest(segment, hash, now);
        int start = (int)(Next(hash) % (uint)segment->BucketCount);
        int tried = 0;
        for (int i = 0; i < segment->BucketCount && tried < BucketsTried && !weakest.IsWeak; i++)
        {
            FlowCandidate further = FlowPlacement.WeakestIn(segment, (start + i) % segment->BucketCount, now);
            weakest = weakest.OrWeaker(further);
            tried += further.Exists ? 1 : 0;
        }

        return weakest;
    }

    // As often as the other family's share of the flows: what is new of a family with few flows finds most of the weak ones there.
    private bool LooksAtOther(FlowFamily family, ulong hash)
    {
        long others = counters.Count(Other(family));
        if (others == 0)
            return false;
        long all = others + counters.Count(family);
        return (long)(((UInt128)Next(hash) * (ulong)all) >> 64) < others;
    }

    private void Evict(FlowSegment* segment, int place, FlowFamily family)
    {
        FlowPlacement.Remove(segment, place, templates);
        counters.GaveWay(family, FlowSegment.Entry(segment, place)->Protocol);
    }

    private static FlowFamily Other(FlowFamily family) => family == FlowFamily.V4 ? FlowFamily.V6 : FlowFamily.V4;

    private static ulong Next(ulong hash) => BitOperations.RotateLeft(hash, 13) * 0x9E37_79B9_7F4A_7C15;
}
