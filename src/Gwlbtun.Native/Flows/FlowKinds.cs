namespace Gwlbtun.Native.Flows;

/// <summary>The IP version of a flow's inner packets.</summary>
public enum FlowFamily : byte
{
    /// <summary>IPv4.</summary>
    V4,

    /// <summary>IPv6.</summary>
    V6,
}

/// <summary>What decides a flow's idle time-out and the counter it is counted in.</summary>
public enum FlowProtocol : byte
{
    /// <summary>TCP, keyed by the 5-tuple.</summary>
    Tcp,

    /// <summary>UDP, keyed by the 5-tuple.</summary>
    Udp,

    /// <summary>Everything else, keyed by the 3-tuple of addresses and protocol.</summary>
    Other,
}
