namespace Gwlbtun.Native.Flows;

/// <summary>
/// Gives a directory the size that a number of flows will need, ahead of them: segments split and their buckets there, so that no flow
/// has to wait for either. Step by step, each with one segment's gate in hand for some microseconds; traffic goes on.
/// </summary>
internal static unsafe class FlowReservation
{
    // Flows of a segment on average: the fullest has five standard deviations more (137), and does not split yet at that.
    private const int HighestLoad = 750;
    private const int DeviationsKept = 5;

    private const int BucketsPerStep = 4;

    /// <summary>Makes room for so many flows in all, those that are there included; false when there is no memory for them.</summary>
    public static bool TryReserve(FlowDirectory directory, long flows)
    {
        int depth = 0;
        while (flows >> depth > HighestLoad)
            depth++;
        if (!directory.TryReserveMemory(segments: 1L << depth, buckets: (long)BucketsFor(flows, depth) << depth))
            return false;

        ulong position = 0;
        bool isThrough = false;
        while (!isThrough)
        {
            FlowSegment* segment = directory.Take(position);
            int buckets = BucketsFor(flows, segment->Depth);
            bool isDone = segment->Depth < depth ? directory.TrySplit(ref segment, position) : TryGrow(directory, segment, buckets);
            if (segment->Depth >= depth && segment->BucketCount >= buckets)
            {
                position = FlowSegment.End(segment);
                isThrough = position == 0;
            }

            SpinGate.Exit(ref segment->Gate);
            if (!isDone)
                return false;
        }

        return true;
    }

    private static bool TryGrow(FlowDirectory directory, FlowSegment* segment, int buckets)
    {
        for (int step = 0; step < BucketsPerStep && segment->BucketCount < buckets; step++)
        {
            if (!directory.TryGrow(segment))
                return false;
        }

        return true;
    }

    private static int BucketsFor(long flows, int depth)
    {
        double load = flows / (double)(1L << depth);
        double fullest = load + (DeviationsKept * Math.Sqrt(load));
        return (int)Math.Clamp(Math.Ceiling(fullest / FlowDirectory.CrowdedAt), 1, FlowSegment.MaxBuckets);
    }
}
