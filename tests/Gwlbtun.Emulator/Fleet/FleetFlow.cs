using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Fleet;

/// <summary>What a flow sends while it is on one target, with one header.</summary>
/// <param name="header">The flow as it was then.</param>
/// <param name="firstNumber">The number of its first packet.</param>
internal sealed class Leg(Flow header, long firstNumber)
{
    private readonly Flow _header = header;

    public ref readonly Flow Header => ref _header;

    public int Target => _header.Target;

    public long FirstNumber { get; } = firstNumber;

    public long Sent { get; set; }

    public long Returned { get; set; }

    public long Lost => Sent - Returned;
}

/// <summary>A flow from its first packet until its last one is back.</summary>
internal sealed class FleetFlow(int number, Flow flow)
{
    private readonly List<Leg> _legs = [];

    /// <summary>The load balancer's row of it.</summary>
    public Flow Row = flow;

    /// <summary>The lowest place that no packet has come back from, or from beyond.</summary>
    public uint NextSequence;

    public int Number { get; } = number;

    /// <summary>Where it is now; null before its first packet.</summary>
    public Leg? Current { get; private set; }

    public IReadOnlyList<Leg> Legs => _legs;

    /// <summary>Whether its last packet was sent.</summary>
    public bool HasEnded { get; set; }

    public long Lost => _legs.Sum(leg => leg.Lost);

    /// <summary>The leg of the next packet: another one when the load balancer has given the flow another header.</summary>
    public Leg LegFor(long packet)
    {
        if (Current is null || Current.Header.Cookie != Row.Cookie)
            _legs.Add(Current = new Leg(Row, packet));
        return Current;
    }

    /// <summary>The leg that a packet was sent on, or null when it is older than the flow.</summary>
    public Leg? LegOf(long packet) => _legs.FindLast(leg => leg.FirstNumber <= packet);
}
