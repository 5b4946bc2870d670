using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>Builds the IP packets that travel inside Geneve, with valid checksums. Written apart from gwlbtun's own code, to judge it.</summary>
internal static class InnerPackets
{
    public const byte Icmp = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte IcmpV6 = 58;

    private const int TransportHeader = 8;

    /// <summary>The shortest packet that <see cref="Build"/> can make.</summary>
    public static int MinimumLength(bool v6, byte protocol) => (v6 ? 40 : 20) + (protocol == Tcp ? 20 : TransportHeader) + 4;

    /// <summary>A packet of exactly <paramref name="length"/> bytes, with the sequence number as the first 4 bytes of its payload.</summary>
    public static byte[] Build(IPAddress source, IPAddress destination, byte protocol, ushort sourcePort, ushort destinationPort, uint sequence, int length)
    {
        var v6 = source.AddressFamily == AddressFamily.InterNetworkV6;
        var packet = new byte[length];
        var ipHeader = v6 ? 40 : 20;
        WriteIpHeader(packet, v6, source, destination, protocol);

        var transport = packet.AsSpan(ipHeader);
        var payload = transport[(protocol == Tcp ? 20 : TransportHeader)..];
        BinaryPrimitives.WriteUInt32BigEndian(payload, sequence);
        for (var i = 4; i < payload.Length; i++)
            payload[i] = (byte)(i * 31 + sequence);

        var checksumAt = WriteTransportHeader(transport, protocol, sourcePort, destinationPort, sequence);
        var sum = protocol == Icmp ? 0u : PseudoHeader(packet, v6, protocol, transport.Length);
        BinaryPrimitives.WriteUInt16BigEndian(transport[checksumAt..], Checksum(transport, sum));
        return packet;
    }

    /// <summary>The sequence number of a packet that <see cref="Build"/> made.</summary>
    public static uint Sequence(ReadOnlySpan<byte> packet)
    {
        var v6 = packet[0] >> 4 == 6;
        var protocol = v6 ? packet[6] : packet[9];
        return BinaryPrimitives.ReadUInt32BigEndian(packet[((v6 ? 40 : 20) + (protocol == Tcp ? 20 : TransportHeader))..]);
    }

    /// <summary>Writes the first 20 or 40 bytes of a packet that the span is.</summary>
    public static void WriteIpHeader(Span<byte> packet, bool v6, IPAddress source, IPAddress destination, byte protocol)
    {
        if (v6)
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40));
            packet[6] = protocol;
            packet[7] = 64;
            source.TryWriteBytes(packet[8..], out _);
            destination.TryWriteBytes(packet[24..], out _);
            return;
        }
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        packet[6] = 0x40; // DF
        packet[8] = 64;
        packet[9] = protocol;
        source.TryWriteBytes(packet[12..], out _);
        destination.TryWriteBytes(packet[16..], out _);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], Checksum(packet[..20], 0));
    }

    /// <summary>Returns where the checksum goes.</summary>
    private static int WriteTransportHeader(Span<byte> transport, byte protocol, ushort sourcePort, ushort destinationPort, uint sequence)
    {
        if (protocol is Icmp or IcmpV6)
        {
            transport[0] = (byte)(protocol == Icmp ? 8 : 128); // echo request
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], sourcePort);
            BinaryPrimitives.WriteUInt16BigEndian(transport[6..], (ushort)sequence);
            return 2;
        }
        BinaryPrimitives.WriteUInt16BigEndian(transport, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], destinationPort);
        if (protocol == Udp)
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
            return 6;
        }
        BinaryPrimitives.WriteUInt32BigEndian(transport[4..], sequence * (uint)(transport.Length - 20));
        BinaryPrimitives.WriteUInt32BigEndian(transport[8..], 1);
        transport[12] = 0x50; // header of 20 bytes
        transport[13] = 0x10; // ACK
        BinaryPrimitives.WriteUInt16BigEndian(transport[14..], 0xFFFF);
        return 16;
    }

    /// <summary>The sum over what a transport checksum covers beside the transport itself.</summary>
    public static uint PseudoHeader(ReadOnlySpan<byte> packet, bool v6, byte protocol, int transportLength) =>
        Sum(v6 ? packet[8..40] : packet[12..20], 0) + protocol + (uint)transportLength;

    private static uint Sum(ReadOnlySpan<byte> bytes, uint sum)
    {
        for (var i = 0; i + 1 < bytes.Length; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        return bytes.Length % 2 == 0 ? sum : sum + (uint)(bytes[^1] << 8);
    }

    /// <summary>The Internet checksum (RFC 1071) over what has been summed up already and these bytes.</summary>
    public static ushort Checksum(ReadOnlySpan<byte> bytes, uint start)
    {
        var sum = Sum(bytes, start);
        while (sum >> 16 != 0)
            sum = (sum & 0xFFFF) + (sum >> 16);
        var checksum = (ushort)~sum;
        return checksum == 0 ? (ushort)0xFFFF : checksum;
    }
}
