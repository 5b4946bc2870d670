using System.Numerics;
using System.Runtime.CompilerServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// What happens to a header that the table does not know yet: a new flow finds a place, or a known one's slot is replaced. Runs
/// on any thread; changes a segment only with its gate in hand.
/// </summary>
internal sealed unsafe class FlowAdmission(FlowDirectory[] families, HeaderTemplates templates, FlowCounters counters, bool newCookieEndsFlow)
{
    // How often a flow that finds the table full takes a place elsewhere, which another thread may snatch away.
    private const int Tries = 4;

    // How many segments of a family are looked at for a flow that can give way.
    private const int SegmentsTried = 8;

    /// <summary>Makes the header the newest of its flow and direction.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public LearnResult Admit(in FlowKey key, ulong hash, in ReceivedHeader header, uint now)
    {
        ushort template = templates.Acquire(header);
        if (template == 0)
        {
            Forget(key, hash);
            return new LearnResult(DropReason.FlowHeaderShapes, IsNew: false);
        }

        var slot = new HeaderSlot
        {
            AttachmentId = header.AttachmentId,
            FlowCookie = header.FlowCookie,
            SourcePort = header.Path.SourcePort,
            Template = template,
        };
        for (int attempt = 0; attempt < Tries; attempt++)
        {
            FlowSegment* segment = families[(int)key.Family].Take(hash);
            FlowEntry* entry = FlowSegment.Find(segment, key, hash);
            if (entry != null)
            {
                Replace(segment, entry, key.Direction, slot, now);
                return default;
            }

            if (TryInsert(segment, key, hash, slot, now))
                return new LearnResult(DropReason.None, IsNew: true);
            if (!TryMakeRoom(hash + (ulong)attempt, now))
                break;
        }

        templates.Release(template);
        return new LearnResult(DropReason.FlowTableFull, IsNew: false);
    }

    // Opens the segment's gate.
    private void Replace(FlowSegment* segment, FlowEntry* entry, int direction, in HeaderSlot slot, uint now)
    {
        HeaderSlot* own = FlowEntry.Slot(entry, direction);
        HeaderSlot* other = FlowEntry.Slot(entry, 1 - direction);
        ushort replaced = own->Template;
        ushort outdated = newCookieEndsFlow && replaced != 0 && own->FlowCookie != slot.FlowCookie ? other->Template : (ushort)0;
        FlowPlacement.BeginChange(segment);
        *own = slot;
        if (outdated != 0)
            *other = default;
        entry->LastUsed = now;
        FlowPlacement.EndChange(segment);
        SpinGate.Exit(ref segment->Gate);
        templates.Release(replaced);
        templates.Release(outdated);
    }

    // Opens the segment's gate. False when the table is full and nothing that could give way is near.
    private bool TryInsert(FlowSegment* segment, in FlowKey key, ulong hash, in HeaderSlot slot, uint now)
    {
        if (counters.TryReserve())
        {
            int place = families[(int)key.Family].MakePlace(ref segment, hash);
            if (place != FlowSegment.None)
            {
                FlowPlacement.Put(segment, place, key, hash, slot, now);
                counters.Added(key.Family, key.Protocol);
                SpinGate.Exit(ref segment->Gate);
                return true;
            }

            counters.Unreserve();
        }

        int oldest = FlowPlacement.OldestCandidate(segment, hash, now);
        if (oldest != FlowSegment.None)
        {
            Evict(segment, oldest, key.Family);
            FlowPlacement.Put(segment, oldest, key, hash, slot, now);
            counters.Added(key.Family, key.Protocol);
        }

        SpinGate.Exit(ref segment->Gate);
        return oldest != FlowSegment.None;
    }

    // Evicts a flow anywhere: for a hash whose buckets are empty in a table that is full nonetheless, as when it is the first
    // of its family. No gate is held.
    private bool TryMakeRoom(ulong hash, uint now)
    {
        for (int attempt = 0; attempt < SegmentsTried; attempt++)
        {
            for (FlowFamily family = FlowFamily.V4; family <= FlowFamily.V6; family++)
            {
                hash = BitOperations.RotateLeft(hash, 13) * 0x9E37_79B9_7F4A_7C15;
                FlowSegment* segment = families[(int)family].Take(hash);
                int oldest = OldestFrom(segment, (int)(hash % (uint)segment->BucketCount), now);
                if (oldest != FlowSegment.None)
                {
                    Evict(segment, oldest, family);
                    counters.Unreserve();
                }

                SpinGate.Exit(ref segment->Gate);
                if (oldest != FlowSegment.None)
                    return true;
            }
        }

        return false;
    }

    // The least recently used of the first bucket, from the given one on, that has any.
    private static int OldestFrom(FlowSegment* segment, int start, uint now)
    {
        for (int i = 0; i < segment->BucketCount; i++)
        {
            int oldest = FlowPlacement.Oldest(segment, (start + i) % segment->BucketCount, now);
            if (oldest != FlowSegment.None)
                return oldest;
        }

        return FlowSegment.None;
    }

    // Its place stays reserved.
    private void Evict(FlowSegment* segment, int place, FlowFamily family)
    {
        FlowEntry* entry = FlowSegment.Entry(segment, place);
        FlowPlacement.Remove(segment, place);
        templates.Release(entry->Slot0.Template);
        templates.Release(entry->Slot1.Template);
        counters.GaveWay(family, entry->Protocol);
    }

    // The header cannot be kept, and the one that is kept is outdated: better no answer than an old cookie.
    private void Forget(in FlowKey key, ulong hash)
    {
        FlowSegment* segment = families[(int)key.Family].Take(hash);
        FlowEntry* entry = FlowSegment.Find(segment, key, hash);
        ushort outdated = 0;
        if (entry != null)
        {
            HeaderSlot* slot = FlowEntry.Slot(entry, key.Direction);
            outdated = slot->Template;
            FlowPlacement.BeginChange(segment);
            *slot = default;
            FlowPlacement.EndChange(segment);
        }

        SpinGate.Exit(ref segment->Gate);
        templates.Release(outdated);
    }
}
