using System.Runtime.CompilerServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// What happens to a header that the table does not know yet: a new flow finds a place, or a known one's slot is replaced. Runs
/// on any thread; changes a segment only with its gate in hand.
/// </summary>
internal sealed unsafe class FlowAdmission(FlowDirectory[] families, HeaderTemplates templates, FlowCounters counters, FlowRules rules)
{
    // How often a flow that finds the table full looks for a place, which another thread may snatch away.
    private const int Tries = 4;

    private readonly FlowEviction _eviction = new(families, templates, counters);

    /// <summary>Makes the header the newest of its flow and direction.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public LearnResult Admit(in FlowKey key, ulong hash, in ReceivedHeader header, uint now, TcpSignal signal)
    {
        ushort template = templates.Acquire(header);
        if (template == 0)
        {
            Forget(key, hash, header.FlowCookie, now);
            return new LearnResult(DropReason.FlowHeaderShapes, IsNew: false);
        }

        var slot = new HeaderSlot
        {
            AttachmentId = header.AttachmentId,
            FlowCookie = header.FlowCookie,
            SourcePort = header.Path.SourcePort,
            Template = template,
        };
        if (counters.OwesFlows)
            _eviction.GiveBackOne(key.Family, ~hash, now);
        bool isReserved = false;
        for (int attempt = 0; attempt < Tries; attempt++)
        {
            FlowSegment* segment = families[(int)key.Family].Take(hash);
            FlowEntry* entry = FlowSegment.Find(segment, key, hash);
            if (entry != null)
            {
                Replace(segment, entry, key.Direction, slot, now, signal);
                if (isReserved)
                    counters.Unreserve();
                return default;
            }

            isReserved = isReserved || counters.TryReserve();
            if (TryInsert(segment, key, hash, slot, now, signal, isReserved))
                return new LearnResult(DropReason.None, IsNew: true);

            isReserved = isReserved || _eviction.TryMakeRoom(key.Family, hash + (ulong)attempt, now);
            if (!isReserved)
                break;
        }

        if (isReserved)
            counters.Unreserve();
        templates.Release(template);
        return new LearnResult(DropReason.FlowTableFull, IsNew: false);
    }

    // Opens the segment's gate.
    private void Replace(FlowSegment* segment, FlowEntry* entry, int direction, in HeaderSlot slot, uint now, TcpSignal signal)
    {
        HeaderSlot* own = FlowEntry.Slot(entry, direction);
        HeaderSlot* other = FlowEntry.Slot(entry, 1 - direction);
        ushort replaced = own->Template;
        bool isNewFlow = replaced != 0 && own->FlowCookie != slot.FlowCookie;
        ushort outdated = rules.EndsOther(entry, direction, slot.FlowCookie, now) ? other->Template : (ushort)0;
        FlowPlacement.BeginChange(segment);
        *own = slot;
        if (outdated != 0)
            *other = default;
        entry->LastUsed = now;
        rules.Count(entry);
        if (isNewFlow)
            FlowEntry.Note(entry, direction, TcpSignal.Opens);
        FlowEntry.Note(entry, direction, signal);
        FlowPlacement.EndChange(segment);
        SpinGate.Exit(ref segment->Gate);
        templates.Release(replaced);
        templates.Release(outdated);
    }

    // Opens the segment's gate.
    private bool TryInsert(FlowSegment* segment, in FlowKey key, ulong hash, in HeaderSlot slot, uint now, TcpSignal signal, bool isReserved)
    {
        int place = isReserved
            ? families[(int)key.Family].MakePlace(ref segment, hash)
            : _eviction.TryReplace(segment, key.Family, hash, now);
        if (place == FlowSegment.None && isReserved)
            place = _eviction.Replace(segment, key.Family, hash, now);
        if (place != FlowSegment.None)
        {
            FlowPlacement.Put(segment, place, key, hash, slot, now);
            FlowEntry.Note(FlowSegment.Entry(segment, place), key.Direction, signal);
            counters.Added(key.Family, key.Protocol);
        }

        SpinGate.Exit(ref segment->Gate);
        return place != FlowSegment.None;
    }

    // The header cannot be kept, and what is kept is outdated: better no answer than an old cookie, also from the other direction.
    private void Forget(in FlowKey key, ulong hash, uint flowCookie, uint now)
    {
        FlowSegment* segment = families[(int)key.Family].Take(hash);
        FlowEntry* entry = FlowSegment.Find(segment, key, hash);
        ushort replaced = 0;
        ushort outdated = 0;
        if (entry != null)
        {
            HeaderSlot* own = FlowEntry.Slot(entry, key.Direction);
            HeaderSlot* other = FlowEntry.Slot(entry, 1 - key.Direction);
            replaced = own->Template;
            outdated = rules.EndsOther(entry, key.Direction, flowCookie, now) ? other->Template : (ushort)0;
            FlowPlacement.BeginChange(segment);
            *own = default;
            if (outdated != 0)
                *other = default;
            FlowPlacement.EndChange(segment);
        }

        SpinGate.Exit(ref segment->Gate);
        templates.Release(replaced);
        templates.Release(outdated);
    }
}
