using System.Buffers.Binary;
using System.Net;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Tests;

/// <summary>Packets that an appliance makes itself. Written for the tests alone, apart from what the emulator sends with.</summary>
internal static class InnerPackets
{
    public static bool IsIpv6(ReadOnlySpan<byte> packet) => packet[0] >> 4 == 6;

    /// <summary>A UDP datagram, of any size, over the IP version of its addresses.</summary>
    public static byte[] Udp(IPAddress source, IPAddress destination, ushort sourcePort, ushort destinationPort, ReadOnlySpan<byte> payload)
    {
        byte[] upper = [.. new byte[8], .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(upper, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(upper.AsSpan(2), destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(upper.AsSpan(4), (ushort)upper.Length);
        return Ip(source, destination, IpProtocol.Udp, upper, checksumOffset: 6);
    }

    /// <summary>The time-exceeded error that a router at <paramref name="router"/> answers a packet with; it quotes as much as Linux does.</summary>
    public static byte[] TimeExceeded(IPAddress router, ReadOnlySpan<byte> packet)
    {
        bool isIpv6 = IsIpv6(packet);
        ReadOnlySpan<byte> quote = packet[..Math.Min(packet.Length, isIpv6 ? 1280 - 48 : 576 - 28)];
        byte[] upper = [isIpv6 ? (byte)3 : (byte)11, 0, 0, 0, 0, 0, 0, 0, .. quote];
        return Ip(router, Source(packet), isIpv6 ? IpProtocol.IcmpV6 : IpProtocol.Icmp, upper, checksumOffset: 2);
    }

    public static IPAddress Source(ReadOnlySpan<byte> packet) => IsIpv6(packet) ? new(packet.Slice(8, 16)) : new(packet.Slice(12, 4));

    public static IPAddress Destination(ReadOnlySpan<byte> packet) => IsIpv6(packet) ? new(packet.Slice(24, 16)) : new(packet.Slice(16, 4));

    /// <summary>The packet in fragments that carry so many bytes each, a multiple of 8. Without IP options and extension headers.</summary>
    public static IEnumerable<byte[]> Fragments(byte[] packet, int bytes, uint id)
    {
        int header = IsIpv6(packet) ? 40 : 20;
        for (int offset = 0; offset < packet.Length - header; offset += bytes)
        {
            byte[] piece = packet[(header + offset)..Math.Min(packet.Length, header + offset + bytes)];
            bool hasMore = header + offset + bytes < packet.Length;
            yield return IsIpv6(packet) ? FragmentIpv6(packet, piece, offset, hasMore, id) : FragmentIpv4(packet, piece, offset, hasMore, id);
        }
    }

    private static byte[] Ip(IPAddress source, IPAddress destination, byte protocol, byte[] upper, int checksumOffset)
    {
        byte[] addresses = [.. source.GetAddressBytes(), .. destination.GetAddressBytes()];
        bool isIpv6 = addresses.Length == 32;
        byte[] header = isIpv6
            ? [0x60, 0, 0, 0, (byte)(upper.Length >> 8), (byte)upper.Length, protocol, 64, .. addresses]
            : [0x45, 0, (byte)(upper.Length + 20 >> 8), (byte)(upper.Length + 20), 0, 0, 0, 0, 64, protocol, 0, 0, .. addresses];
        uint pseudo = protocol == IpProtocol.Icmp ? 0 : InternetChecksum.Sum(addresses, (uint)upper.Length + protocol);
        BinaryPrimitives.WriteUInt16BigEndian(upper.AsSpan(checksumOffset), (ushort)~InternetChecksum.Fold(InternetChecksum.Sum(upper, pseudo)));
        return WithHeaderChecksum([.. header, .. upper]);
    }

    private static byte[] FragmentIpv4(byte[] packet, byte[] piece, int offset, bool hasMore, uint id)
    {
        byte[] fragment = [.. packet[..20], .. piece];
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(2), (ushort)fragment.Length);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(4), (ushort)id);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(6), (ushort)(offset / 8 | (hasMore ? 0x2000 : 0)));
        return WithHeaderChecksum(fragment);
    }

    private static byte[] FragmentIpv6(byte[] packet, byte[] piece, int offset, bool hasMore, uint id)
    {
        byte[] fragment = [.. packet[..40], packet[6], 0, (byte)(offset >> 8), (byte)(offset | (hasMore ? 1 : 0)), 0, 0, 0, 0, .. piece];
        fragment[6] = IpProtocol.Fragment;
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(4), (ushort)(fragment.Length - 40));
        BinaryPrimitives.WriteUInt32BigEndian(fragment.AsSpan(44), id);
        return fragment;
    }

    /// <summary>Makes an IPv4 header's checksum right.</summary>
    public static byte[] WithHeaderChecksum(byte[] packet)
    {
        if (IsIpv6(packet))
            return packet;
        (packet[10], packet[11]) = (0, 0);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), InternetChecksum.Compute(packet.AsSpan(0, 4 * (packet[0] & 15))));
        return packet;
    }
}
