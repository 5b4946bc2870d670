using System.Buffers.Binary;

namespace Gwlbtun.Native.Wire;

/// <summary>
/// What the kernel sends by itself on a new interface: router solicitations, multicast listener reports, duplicate address detection,
/// and whatever goes to a multicast or broadcast address. The load balancer carries none of it.
/// </summary>
public static class KernelChatter
{
    private const byte Ipv6MulticastPrefix = 0xFF;
    private const uint Ipv4MulticastPrefix = 0xE;
    private const uint Ipv4Broadcast = 0xFFFFFFFF;

    // ICMPv6 types: RFC 2710 section 3, RFC 3810 section 5, RFC 4861 section 4.
    private const byte ListenerQuery = 130;
    private const byte ListenerReport = 131;
    private const byte ListenerDone = 132;
    private const byte RouterSolicitation = 133;
    private const byte NeighborSolicitation = 135;
    private const byte NeighborAdvertisement = 136;
    private const byte ListenerReportV2 = 143;

    /// <summary>Whether a packet that came out of a tunnel device is no returned traffic.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="inner">What <see cref="InnerPacket.TryParse"/> said of it.</param>
    public static bool Matches(ReadOnlySpan<byte> packet, in InnerPacket inner)
    {
        if (inner.Version == 4)
        {
            uint destination = BinaryPrimitives.ReadUInt32BigEndian(packet[Ipv4Format.DestinationAddressOffset..]);
            return destination >> 28 == Ipv4MulticastPrefix || destination == Ipv4Broadcast;
        }

        if (packet[Ipv6Format.DestinationAddressOffset] == Ipv6MulticastPrefix)
            return true;
        if (inner.Protocol != IpProtocol.IcmpV6 || inner.TransportOffset == 0 || inner.TransportOffset >= inner.Length)
            return false;
        return packet[inner.TransportOffset] switch
        {
            ListenerQuery or ListenerReport or ListenerDone or RouterSolicitation or ListenerReportV2 => true,
            NeighborSolicitation or NeighborAdvertisement =>
                packet.Slice(Ipv6Format.SourceAddressOffset, Ipv6Format.AddressLength).IndexOfAnyExcept((byte)0) < 0,
            _ => false,
        };
    }
}
