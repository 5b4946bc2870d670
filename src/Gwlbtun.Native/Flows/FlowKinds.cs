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

/// <summary>Who taught the header that a fragment without ports goes back with. The value is the slot that it is kept in.</summary>
public enum FragmentTeacher
{
    /// <summary>A fragment without ports that came from the load balancer, with a header of its own.</summary>
    LoadBalancer,

    /// <summary>The first fragment of a packet on its way back, by the header of its flow.</summary>
    FirstFragment,
}
