using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>A header that the load balancer gave to a flow, and when.</summary>
internal struct IssuedHeader
{
    /// <summary>The flow as it was.</summary>
    public Flow Flow;

    /// <summary>Whose it is.</summary>
    public int Slot;

    /// <summary>The number of the first datagram that had it.</summary>
    public long StartedBy;

    /// <summary>The number from which on another header stands in its place.</summary>
    public long EndedBy;

    /// <summary>The number from which on the slot's header before this one stood no more; below 0 when there was none.</summary>
    public long PreviousEndedBy;

    /// <summary>The last number sent when a packet first came back with it: those after it were sent when the appliance surely knew it.</summary>
    public long KnownBy;
}

/// <summary>Every header that was given out, to be found by its cookie.</summary>
internal sealed class HeaderLedger(CookieMint cookies, int slots)
{
    private readonly int[] _current = NewSlots(slots);
    private IssuedHeader[] _issued = new IssuedHeader[slots];
    private int _count;

    /// <summary>Enters what the load balancer has just issued.</summary>
    /// <param name="slot">To whom.</param>
    /// <param name="flow">The flow.</param>
    /// <param name="number">The number of the first datagram that has it.</param>
    public void Enter(int slot, in Flow flow, long number)
    {
        End(slot, number);
        long previousEndedBy = _current[slot] < 0 ? -1 : _issued[_current[slot]].EndedBy;
        if (_count == _issued.Length)
            Array.Resize(ref _issued, 2 * _count);
        _current[slot] = _count;
        _issued[_count++] = new IssuedHeader { Flow = flow, Slot = slot, StartedBy = number, EndedBy = long.MaxValue, PreviousEndedBy = previousEndedBy, KnownBy = long.MaxValue };
    }

    /// <summary>Whether a header that was issued is not entered yet.</summary>
    public bool IsBehind => _count < cookies.Count;

    /// <summary>Says that a slot's header is not valid any more for what is sent from this number on.</summary>
    public void End(int slot, long number)
    {
        if (_current[slot] >= 0)
            _issued[_current[slot]].EndedBy = Math.Min(_issued[_current[slot]].EndedBy, number);
    }

    /// <summary>The place of a cookie's header.</summary>
    /// <returns>False when it was never issued.</returns>
    public bool TryFind(uint? cookie, out int place)
    {
        uint index = cookie is { } given ? cookies.IndexOf(given) : uint.MaxValue;
        place = (int)index;
        return index < (uint)_count;
    }

    public ref IssuedHeader this[int place] => ref _issued[place];

    /// <summary>Whether packets are sent with the header still.</summary>
    public bool IsCurrent(int place) => _issued[place].EndedBy == long.MaxValue;

    /// <summary>Whether the appliance surely knew the slot's present header when it got this datagram.</summary>
    public bool WasKnown(int slot, long number) =>
        _current[slot] >= 0 && _issued[_current[slot]] is var header && header.KnownBy < number && header.EndedBy > number;

    /// <summary>Whether the slot's header before the present one stood later than at this number.</summary>
    public bool HadAnotherSince(int slot, long number) => _current[slot] >= 0 && _issued[_current[slot]].PreviousEndedBy > number;

    private static int[] NewSlots(int slots)
    {
        int[] current = new int[slots];
        Array.Fill(current, -1);
        return current;
    }
}
