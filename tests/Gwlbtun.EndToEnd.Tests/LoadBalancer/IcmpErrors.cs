using System.Buffers.Binary;
using System.Net;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>ICMP (RFC 792) and ICMPv6 (RFC 4443) errors about packets.</summary>
internal static class IcmpErrors
{
    private const int Header = 8;

    /// <summary>An error to the source of the packet that it quotes.</summary>
    /// <param name="from">Who says so.</param>
    /// <param name="type">What is wrong.</param>
    /// <param name="quoted">The packet that is to blame.</param>
    /// <param name="quote">How many of its bytes are quoted at most.</param>
    public static byte[] Build(IPAddress from, byte type, ReadOnlySpan<byte> quoted, int quote = 548)
    {
        var v6 = quoted[0] >> 4 == 6;
        var protocol = v6 ? InnerPackets.IcmpV6 : InnerPackets.Icmp;
        var blamed = new IPAddress(v6 ? quoted[8..24] : quoted[12..16]);
        byte[] packet = [.. new byte[(v6 ? 40 : 20) + Header], .. quoted[..Math.Min(quote, quoted.Length)]];
        InnerPackets.WriteIpHeader(packet, v6, from, blamed, protocol);
        var icmp = packet.AsSpan(v6 ? 40 : 20);
        icmp[0] = type;
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], InnerPackets.Checksum(icmp, v6 ? InnerPackets.PseudoHeader(packet, v6, protocol, icmp.Length) : 0));
        return packet;
    }
}
