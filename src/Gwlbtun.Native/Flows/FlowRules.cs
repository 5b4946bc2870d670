using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Flows;

/// <summary>What a header that is learned means for a flow that is known: how it counts, and whether the other direction outlives it.</summary>
internal sealed unsafe class FlowRules(FlowTableOptions options)
{
    private readonly bool _prefersEstablished = options.PrefersEstablished;
    private readonly bool _newCookieEndsFlow = options.NewCookieEndsFlow;
    private readonly int _renewAfter = options.RenewAfter is { } time ? FlowTicks.Beyond(time) : int.MaxValue;

    /// <summary>Whether the flow was unused for so long that any header begins it anew.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsStale(FlowEntry* entry, uint now) => FlowTicks.Since(entry->LastUsed, now) > _renewAfter;

    /// <summary>Whether a header in one direction outdates the other direction's.</summary>
    public bool EndsOther(FlowEntry* entry, int direction, uint flowCookie, uint now)
    {
        HeaderSlot* own = FlowEntry.Slot(entry, direction);
        return (_newCookieEndsFlow && !own->IsEmpty && own->FlowCookie != flowCookie) || IsStale(entry, now);
    }

    /// <summary>Counts a packet from the load balancer; without counting, all flows stay in the lowest class.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Count(FlowEntry* entry)
    {
        if (_prefersEstablished)
            FlowStanding.Count(entry);
    }
}
