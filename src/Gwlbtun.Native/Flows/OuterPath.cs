namespace Gwlbtun.Native.Flows;

/// <summary>
/// Where a datagram came from and where it arrived, outside of Geneve. The return packet goes the same way back:
/// addresses swapped, the source port kept (the load balancer refuses anything else as InvalidGeneveTunnel).
/// </summary>
/// <param name="loadBalancerAddress">The outer IPv4 source, network byte order as it stands in memory.</param>
/// <param name="localAddress">The outer IPv4 destination, network byte order as it stands in memory.</param>
/// <param name="sourcePort">The outer UDP source port, host byte order.</param>
public readonly struct OuterPath(uint loadBalancerAddress, uint localAddress, ushort sourcePort) : IEquatable<OuterPath>
{
    /// <summary>The load balancer's address, network byte order as it stands in memory.</summary>
    public uint LoadBalancerAddress { get; } = loadBalancerAddress;

    /// <summary>The address of ours that the load balancer sent to, network byte order as it stands in memory.</summary>
    public uint LocalAddress { get; } = localAddress;

    /// <summary>The UDP source port that the load balancer chose for the flow, host byte order.</summary>
    public ushort SourcePort { get; } = sourcePort;

    /// <inheritdoc/>
    public bool Equals(OuterPath other) =>
        LoadBalancerAddress == other.LoadBalancerAddress && LocalAddress == other.LocalAddress && SourcePort == other.SourcePort;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is OuterPath other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(LoadBalancerAddress, LocalAddress, SourcePort);

    /// <summary>Whether both say the same way.</summary>
    public static bool operator ==(OuterPath left, OuterPath right) => left.Equals(right);

    /// <summary>Whether the two differ.</summary>
    public static bool operator !=(OuterPath left, OuterPath right) => !left.Equals(right);
}
