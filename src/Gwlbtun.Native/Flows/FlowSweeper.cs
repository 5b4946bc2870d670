using System.Numerics;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// Goes round the table a few buckets at a time, and takes out what has been idle too long, and spent flows of which others need something: their
/// place, see <see cref="FlowBudget"/>, or a rare shape of header when shapes are scarce. Its place is remembered as
/// a position in hash space, which stays meaningful while segments split; what a split moves behind it waits for the next round.
/// </summary>
internal sealed unsafe class FlowSweeper
{
    private readonly FlowDirectory[] _families;
    private readonly HeaderTemplates _templates;
    private readonly FlowCounters _counters;

    // By FlowProtocol, in ticks.
    private readonly int[] _idle;
    private readonly int _closing;

    private int _family;
    private ulong _position;
    private int _bucket;

    public FlowSweeper(FlowDirectory[] families, HeaderTemplates templates, FlowCounters counters, FlowTableOptions options)
    {
        _families = families;
        _templates = templates;
        _counters = counters;
        _idle = [FlowTicks.Beyond(options.TcpIdle), FlowTicks.Beyond(options.UdpIdle), FlowTicks.Beyond(options.OtherIdle)];
        _closing = FlowTicks.Beyond(options.TcpClosing ?? options.TcpIdle);
    }

    public SweepResult Sweep(uint now, int budget)
    {
        int expired = 0;
        do
        {
            expired += SweepBucket(now);
            if (_family == _families.Length)
            {
                _family = 0;
                return new SweepResult(expired, WrappedAround: true);
            }

            budget -= FlowSegment.SlotsPerBucket;
        }
        while (budget > 0);
        return new SweepResult(expired, WrappedAround: false);
    }

    // One bucket for each time the gate is taken: nobody waits for longer than that.
    private int SweepBucket(uint now)
    {
        FlowSegment* segment = _families[_family].Take(_position);
        int expired = 0;
        if (_bucket < segment->BucketCount)
        {
            for (uint used = FlowSegment.Used(segment, _bucket); used != 0; used &= used - 1)
            {
                int place = (_bucket * FlowSegment.SlotsPerBucket) + BitOperations.TrailingZeroCount(used);
                if (TryExpire(segment, place, now))
                    expired++;
                else if (IsNeededMoreElsewhere(FlowSegment.Entry(segment, place), now))
                    GiveBack(segment, place);
            }

            _bucket++;
        }

        if (_bucket >= segment->BucketCount)
            MoveBeyond(segment);
        SpinGate.Exit(ref segment->Gate);
        return expired;
    }

    private bool TryExpire(FlowSegment* segment, int place, uint now)
    {
        FlowEntry* entry = FlowSegment.Entry(segment, place);
        int longest = FlowEntry.IsClosed(entry) ? _closing : _idle[(int)FlowKey.KindOf(entry->Protocol)];
        if (FlowTicks.Since(entry->LastUsed, now) <= longest)
            return false;

        FlowPlacement.Remove(segment, place, _templates);
        _counters.Expired((FlowFamily)_family, entry->Protocol);
        return true;
    }

    private bool IsNeededMoreElsewhere(FlowEntry* entry, uint now) =>
        (_counters.OwesFlows || (_templates.AreScarce && (_templates.IsRare(entry->Slot0) || _templates.IsRare(entry->Slot1))))
        && FlowStanding.IsSpent(entry, now);

    private void GiveBack(FlowSegment* segment, int place)
    {
        FlowPlacement.Remove(segment, place, _templates);
        _counters.GaveWay((FlowFamily)_family, FlowSegment.Entry(segment, place)->Protocol);
        _counters.Unreserve();
    }

    private void MoveBeyond(FlowSegment* segment)
    {
        _bucket = 0;
        _position = FlowSegment.End(segment);
        if (_position == 0)
            _family++;
    }
}
