namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>In which order the fragments of a datagram are sent.</summary>
internal enum FragmentOrder
{
    InOrder,

    /// <summary>The first one last; every other datagram backwards.</summary>
    Shuffled,
}

/// <summary>ICMP errors among the traffic.</summary>
[Flags]
internal enum ErrorKinds
{
    None = 0,

    /// <summary>Errors that come in through the load balancer, and must come back as they are.</summary>
    In = 1,

    /// <summary>Packets with hop limit 1, which the appliance must answer with an error of its own.</summary>
    Originated = 2,

    Both = In | Originated,
}

/// <summary>What the traffic has beyond whole packets of flows that keep their header.</summary>
internal sealed record CaseOptions
{
    /// <summary>The least fragment size: every extension header chain and a packet number fit the first fragment.</summary>
    public const int MinimumFragmentSize = 256;

    /// <summary>Sends larger datagrams in fragments of at most so many bytes; null is none.</summary>
    public int? FragmentSize { get; init; }

    public FragmentOrder FragmentOrder { get; init; }

    public ErrorKinds Errors { get; init; }

    /// <summary>IPv4 options and IPv6 extension headers, others for each flow.</summary>
    public bool IpOptions { get; init; }

    /// <summary>Gives a flow new cookies after so many of its datagrams; null is never.</summary>
    public int? ChurnEvery { get; init; }

    /// <summary>New source ports and nodes along with new cookies.</summary>
    public bool ChurnPorts { get; init; }

    /// <summary>Sends both directions of each flow, each with its own header.</summary>
    public bool Asymmetric { get; init; }

    /// <summary>The appliance ends the flows: each packet comes back with addresses and ports swapped, an echo request as a reply.</summary>
    public bool Answers { get; init; }

    /// <summary>
    /// Packets of both directions, and those before and after a change of port, travel through different receive threads of the appliance
    /// and may overtake each other there. Before a change such a flow rests, so that what it must return is never in doubt.
    /// </summary>
    public bool RestsBeforeChange => ChurnPorts || Asymmetric;
}
