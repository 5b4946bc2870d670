using System.Numerics;
using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Uplink;

/// <summary>All destinations by their key: open addressing, at most half full. Never changes once it is made.</summary>
internal sealed class DestinationTable
{
    private const ulong GoldenRatio = 0x9E3779B97F4A7C15;
    private const int MinimumSlots = 16;

    private readonly Destination?[] _slots;
    private readonly int _shift;

    public DestinationTable(IReadOnlyCollection<Destination> destinations)
    {
        var slots = BitOperations.RoundUpToPowerOf2((uint)Math.Max(MinimumSlots, 2 * destinations.Count));
        _slots = new Destination?[slots];
        _shift = 64 - BitOperations.Log2(slots);
        foreach (var destination in destinations)
        {
            var at = SlotOf(destination.Key);
            while (_slots[at] is not null)
                at = at + 1 & _slots.Length - 1;
            _slots[at] = destination;
        }
    }

    public static DestinationTable Empty { get; } = new([]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Destination? Find(ulong key)
    {
        var slots = _slots;
        for (var at = SlotOf(key); ; at++)
        {
            var found = slots[at & slots.Length - 1];
            if (found is null || found.Key == key)
                return found;
        }
    }

    private int SlotOf(ulong key) => (int)(key * GoldenRatio >> _shift);
}
