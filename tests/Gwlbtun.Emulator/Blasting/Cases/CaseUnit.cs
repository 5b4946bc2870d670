namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>What a returned packet is.</summary>
internal enum UnitKind
{
    /// <summary>A whole packet, as it was sent or put together of its fragments.</summary>
    Whole,

    FirstFragment,

    LaterFragment,

    /// <summary>An ICMP error that the load balancer sent.</summary>
    ErrorIn,

    /// <summary>An ICMP error that the appliance sent.</summary>
    ErrorOriginated,

    /// <summary>The other end's answer.</summary>
    Answer,
}

/// <summary>What a returned packet was recognized as.</summary>
internal struct CaseUnit
{
    public CaseUnit() => Number = -1;

    public UnitKind Kind;

    /// <summary>The datagram that it is, is of, or answers; -1 as long as it is not known.</summary>
    public long Number;

    /// <summary>The datagram's stream.</summary>
    public int Stream;

    /// <summary>Of a fragment: where its part of the datagram begins, and how many bytes that is.</summary>
    public int Offset, Count;

    /// <summary>Of a fragment: whether its datagram was sent in fragments with a boundary at both its ends, so that it is one that was sent.</summary>
    public bool IsAsSent;

    /// <summary>Bytes of its datagram that are spread over fragments.</summary>
    public int Fragmentable;

    /// <summary>Whether its datagram was sent in fragments.</summary>
    public bool WasFragmented;
}
