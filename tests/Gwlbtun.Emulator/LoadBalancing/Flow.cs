namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>Which idle time-out a flow has.</summary>
internal enum FlowKind : byte
{
    Tcp,
    Udp,
    Other,
}

/// <summary>One row of the load balancer's flow table.</summary>
internal struct Flow
{
    /// <summary>Milliseconds when the load balancer opened it, and when it last carried a packet.</summary>
    public long OpenedMs, LastMs;

    public uint Cookie;

    /// <summary>Outer UDP source port, the flow's own.</summary>
    public ushort SourcePort;

    /// <summary>Index of the endpoint that it came through.</summary>
    public ushort Endpoint;

    /// <summary>0x0800 or 0x86DD.</summary>
    public ushort ProtocolType;

    /// <summary>Index of the target that it sticks to.</summary>
    public ushort Target;

    /// <summary>Index of the load balancer's outer address that it has.</summary>
    public ushort Node;

    public FlowKind Kind;

    /// <summary>False before the first packet and after the idle time-out.</summary>
    public bool IsOpen;

    /// <summary>Whether the target has returned a packet of it.</summary>
    public bool IsAnswered;
}
