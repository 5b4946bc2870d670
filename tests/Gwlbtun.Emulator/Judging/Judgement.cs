namespace Gwlbtun.Emulator.Judging;

/// <summary>
/// What the emulator thinks of a returned packet. The first ones are what the load balancer itself drops, under the names of its
/// CloudWatch metrics; the others are faults that it would pass on to the client, or cannot see.
/// </summary>
internal enum Judgement : byte
{
    /// <summary>Right in every respect.</summary>
    Accepted,

    /// <summary>Not from the flow's target to the load balancer's address, from the flow's source port to the Geneve port.</summary>
    PacketsDroppedCount_InvalidGeneveTunnel,

    /// <summary>No endpoint option, or an endpoint that this load balancer does not have.</summary>
    PacketsDroppedCount_InvalidGwlbEndpointId,

    /// <summary>No flow cookie, or another one than the flow's newest.</summary>
    PacketsDroppedCount_InvalidGwlbFlowCookie,

    /// <summary>No such flow: never opened, idle too long, or first answered more than 30 s after its first packet.</summary>
    PacketsDroppedCount_MissingFlowEntry,

    /// <summary>The outer packet came in fragments, or did not fit.</summary>
    BadOuter,

    /// <summary>The Geneve header is malformed, or is not byte for byte the one that was sent.</summary>
    BadGeneveHeader,

    /// <summary>The inner packet is not what was sent (hop limit and IPv4 checksum aside), or no IP packet of the length that it states.</summary>
    BadInnerBytes,

    /// <summary>A checksum of the inner packet is wrong: IPv4, TCP, UDP, ICMP or ICMPv6.</summary>
    BadChecksum,

    /// <summary>The inner packet is larger than the load balancer carries: it would vanish silently.</summary>
    TooLarge,

    /// <summary>A later fragment of a datagram whose first fragment never came: nobody knows which flow it is of.</summary>
    FragmentWithoutFirst,

    /// <summary>An ICMP error that answers nothing: it quotes a packet that was not sent, or one that was to be forwarded.</summary>
    UnexpectedError,

    /// <summary>A packet with hop limit 1 that was to be answered by an ICMP error came back itself: the appliance does not route.</summary>
    NotExpired,

    /// <summary>The same packet came back before.</summary>
    Duplicated,

    /// <summary>It overtook, or was overtaken by, another one of its flow. Accepted all the same.</summary>
    Reordered,
}
