using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// What a reader who holds nothing found of a flow: its two slots, copied when they belonged together. Whoever follows what
/// stands in them (a template) asks afterwards whether that is still so.
/// </summary>
internal readonly unsafe struct FlowReading
{
    private readonly FlowSegment* _segment;
    private readonly uint _sequence;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FlowReading(FlowSegment* segment, uint sequence, FlowEntry* entry, int direction)
    {
        _segment = segment;
        _sequence = sequence;
        Entry = entry;
        if (entry != null)
        {
            Own = *FlowEntry.Slot(entry, direction);
            Other = *FlowEntry.Slot(entry, 1 - direction);
        }
    }

    /// <summary>Where the flow stands, or null when it is not known.</summary>
    public readonly FlowEntry* Entry;

    /// <summary>The slot of the key's own direction.</summary>
    public readonly HeaderSlot Own;

    /// <summary>The slot of the other direction.</summary>
    public readonly HeaderSlot Other;

    /// <summary>Whether all that was read up to now, here and through it, belongs together.</summary>
    public bool IsStillTrue
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => FlowSegment.IsUnchanged(_segment, _sequence);
    }
}
