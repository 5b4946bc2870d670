namespace Gwlbtun.Native.Wire;

/// <summary>The two protocol types that a Geneve header of the load balancer may name (IEEE EtherTypes, RFC 8926 section 3.4).</summary>
public static class EtherType
{
    /// <summary>An IPv4 packet follows, without an Ethernet header.</summary>
    public const ushort Ipv4 = 0x0800;

    /// <summary>An IPv6 packet follows, without an Ethernet header.</summary>
    public const ushort Ipv6 = 0x86DD;
}
