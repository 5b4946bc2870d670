using System.Buffers.Binary;
using System.Net;
using Gwlbtun.EndToEnd.Tests.Lab;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>A router advertisement (RFC 4861, section 4.2) to all nodes, by a router that wants to be the default one for half an hour.</summary>
internal static class RouterAdvertisement
{
    private const byte Type = 134;
    private const byte HopLimit = 255; // So that it is seen to come from a neighbour.
    private const ushort Lifetime = 1800;
    private const int Header = 40;
    private const int Length = 16;

    public static byte[] Build()
    {
        var packet = new byte[Header + Length];
        InnerPackets.WriteIpHeader(packet, v6: true, IPAddress.Parse("fe80::1"), IPAddress.Parse("ff02::1"), InnerPackets.IcmpV6);
        packet[7] = HopLimit;
        var advertisement = packet.AsSpan(Header);
        advertisement[0] = Type;
        BinaryPrimitives.WriteUInt16BigEndian(advertisement[6..], Lifetime);
        BinaryPrimitives.WriteUInt16BigEndian(advertisement[2..], InnerPackets.Checksum(advertisement, InnerPackets.PseudoHeader(packet, v6: true, InnerPackets.IcmpV6, Length)));
        return packet;
    }

    /// <summary>Whether the network has got one.</summary>
    public static bool HasArrived(NetworkNamespace network) =>
        network.Execute("cat", "/proc/net/snmp6").Split('\n').Any(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is ["Icmp6InRouterAdvertisements", not "0"]);
}
