using System.Buffers.Binary;

namespace Gwlbtun.Native.Tests.Wire;

/// <summary>Builds IP packets by hand, straight from RFC 791 and RFC 8200.</summary>
internal static class IpBytes
{
    public static byte[] Ipv4(byte protocol, ReadOnlySpan<byte> payload, int headerLength = 20, ushort fragment = 0, ushort id = 0, string source = "0a000001", string destination = "0a000002")
    {
        byte[] packet = new byte[headerLength + payload.Length];
        packet[0] = (byte)(0x40 | headerLength / 4);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), id);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), fragment);
        packet[8] = 64;
        packet[9] = protocol;
        Convert.FromHexString(source).CopyTo(packet, 12);
        Convert.FromHexString(destination).CopyTo(packet, 16);
        payload.CopyTo(packet.AsSpan(headerLength));
        return packet;
    }

    public static byte[] Ipv6(byte nextHeader, ReadOnlySpan<byte> payload, string source = "fd000000000000000000000000000001", string destination = "fd000000000000000000000000000002")
    {
        byte[] packet = new byte[40 + payload.Length];
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)payload.Length);
        packet[6] = nextHeader;
        packet[7] = 64;
        Convert.FromHexString(source).CopyTo(packet, 8);
        Convert.FromHexString(destination).CopyTo(packet, 24);
        payload.CopyTo(packet.AsSpan(40));
        return packet;
    }

    /// <summary>An 8-byte UDP header without a checksum, and the payload.</summary>
    public static byte[] Udp(ushort sourcePort, ushort destinationPort, params ReadOnlySpan<byte> payload)
    {
        byte[] datagram = new byte[8 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        payload.CopyTo(datagram.AsSpan(8));
        return datagram;
    }

    /// <summary>A hop-by-hop, routing or destination options header of 8 × units bytes, followed by more.</summary>
    public static byte[] Extension(byte nextHeader, int units, ReadOnlySpan<byte> rest)
    {
        byte[] bytes = new byte[units * 8 + rest.Length];
        bytes[0] = nextHeader;
        bytes[1] = (byte)(units - 1);
        rest.CopyTo(bytes.AsSpan(units * 8));
        return bytes;
    }

    public static byte[] Fragment6(byte nextHeader, int offset, bool more, uint id, ReadOnlySpan<byte> rest)
    {
        byte[] bytes = new byte[8 + rest.Length];
        bytes[0] = nextHeader;
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)(offset | (more ? 1 : 0)));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), id);
        rest.CopyTo(bytes.AsSpan(8));
        return bytes;
    }
}
