namespace Gwlbtun.Native.Flows;

/// <summary>The bounds of a <see cref="FlowTable"/>.</summary>
public sealed record FlowTableOptions
{
    /// <summary>The most flows, of both families, that the table holds. Beyond, the weakest nearby gives way (few packets, long idle).</summary>
    public long MaxFlows { get; init; } = 2_000_000;

    /// <summary>How long a TCP flow may be idle. The load balancer's own default is 350 s, settable from 60 to 6000 s.</summary>
    public TimeSpan TcpIdle { get; init; } = TimeSpan.FromSeconds(350);

    /// <summary>How long a UDP flow may be idle. Fixed at 120 s on the load balancer.</summary>
    public TimeSpan UdpIdle { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How long a flow of any other protocol may be idle. Fixed at 120 s on the load balancer.</summary>
    public TimeSpan OtherIdle { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// How long a TCP flow may be idle once both of its directions have shown a FIN or an RST; null: as long as any other.
    /// </summary>
    public TimeSpan? TcpClosing { get; init; }

    /// <summary>
    /// Whether a new cookie in one direction empties the other direction's slot: the load balancer has begun a new flow with the old tuple.
    /// </summary>
    public bool NewCookieEndsFlow { get; init; } = true;

    /// <summary>
    /// After how long without use a header begins something new: whatever it says, it empties the other direction's slot. Null: never.
    /// </summary>
    public TimeSpan? RenewAfter { get; init; }

    /// <summary>Whether flows with many packets outlive those with few when the table is full; if not, the least recently used gives way.</summary>
    public bool PrefersEstablished { get; init; } = true;

    /// <summary>
    /// The most different shapes of Geneve headers (everything but flow cookie, attachment ID and source port) that
    /// flows hold at the same time, 1 to 65,535. A load balancer needs two for each of its nodes, one for IPv4 and one for IPv6; the default
    /// takes 1.3 MB at most. Beyond, flows with new shapes are not learned until the sweeper has taken out what it can do without.
    /// </summary>
    public int MaxHeaderShapes { get; init; } = 4_095;

    /// <summary>The most bytes that the entries of each family may take. Beyond, it is as if the table were full.</summary>
    public long MaxBytesPerFamily { get; init; } = long.MaxValue;

    /// <summary>Whether <see cref="FlowTable.Prefetch"/> has flows brought into the cache, or only hashes keys.</summary>
    public bool Prefetches { get; init; } = true;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxFlows, 1, nameof(MaxFlows));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(TcpIdle, TimeSpan.Zero, nameof(TcpIdle));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(UdpIdle, TimeSpan.Zero, nameof(UdpIdle));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(OtherIdle, TimeSpan.Zero, nameof(OtherIdle));
        if (TcpClosing is { } closing)
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(closing, TimeSpan.Zero, nameof(TcpClosing));
        if (RenewAfter is { } renew)
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(renew, TimeSpan.Zero, nameof(RenewAfter));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxHeaderShapes, 1, nameof(MaxHeaderShapes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxHeaderShapes, HeaderTemplates.MaxShapes, nameof(MaxHeaderShapes));
    }
}
