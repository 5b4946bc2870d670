using System.Buffers.Binary;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Benchmarks;

/// <summary>Makes sound packets: consecutive ones of a flow can be merged.</summary>
internal static class IpPackets
{
    private const ushort ServerPort = 443;

    /// <summary>Packet <paramref name="number"/> of flow <paramref name="flow"/>.</summary>
    public static byte[] Make(MergeKinds kind, int payload, int flow = 0, int number = 0)
    {
        bool isV4 = kind is MergeKinds.Tcp4 or MergeKinds.Udp4;
        bool isTcp = kind is MergeKinds.Tcp4 or MergeKinds.Tcp6;
        int at = isV4 ? Ipv4Format.MinimumLength : Ipv6Format.HeaderLength;
        byte[] packet = new byte[at + (isTcp ? TcpFormat.MinimumLength : UdpFormat.HeaderLength) + payload];
        new Random(number).NextBytes(packet.AsSpan(packet.Length - payload));
        if (isV4)
            WriteIpv4(packet, isTcp ? IpProtocol.Tcp : IpProtocol.Udp, number);
        else
            WriteIpv6(packet, isTcp ? IpProtocol.Tcp : IpProtocol.Udp);

        Span<byte> transport = packet.AsSpan(at);
        BinaryPrimitives.WriteUInt16BigEndian(transport, (ushort)(1024 + flow));
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], ServerPort);
        if (isTcp)
        {
            BinaryPrimitives.WriteUInt32BigEndian(transport[TcpFormat.SequenceOffset..], (uint)(1 + (number * payload)));
            transport[TcpFormat.DataOffset] = TcpFormat.MinimumLength / 4 << 4;
            transport[TcpFormat.FlagsOffset] = TcpFormat.Ack;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[UdpFormat.LengthOffset..], (ushort)transport.Length);
        }

        InnerPacket inner = Parse(packet);
        BinaryPrimitives.WriteUInt16BigEndian(transport[(isTcp ? TcpFormat.ChecksumOffset : UdpFormat.ChecksumOffset)..], InternetChecksum.Transport(packet, inner));
        return packet;
    }

    /// <summary>What the data plane knows of a packet.</summary>
    public static InnerPacket Parse(ReadOnlySpan<byte> packet) => InnerPacket.TryParse(packet, out InnerPacket inner) == DropReason.None
        ? inner
        : throw new InvalidOperationException("The packet is not one that would be accepted.");

    private static void WriteIpv4(Span<byte> packet, byte protocol, int number)
    {
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[Ipv4Format.TotalLengthOffset..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[Ipv4Format.IdentificationOffset..], (ushort)(1 + number));
        packet[Ipv4Format.TimeToLiveOffset] = 64;
        packet[Ipv4Format.ProtocolOffset] = protocol;
        ((ReadOnlySpan<byte>)[10, 0, 0, 1]).CopyTo(packet[Ipv4Format.SourceAddressOffset..]);
        ((ReadOnlySpan<byte>)[10, 0, 0, 2]).CopyTo(packet[Ipv4Format.DestinationAddressOffset..]);
        BinaryPrimitives.WriteUInt16BigEndian(packet[Ipv4Format.HeaderChecksumOffset..], InternetChecksum.Compute(packet[..Ipv4Format.MinimumLength]));
    }

    private static void WriteIpv6(Span<byte> packet, byte protocol)
    {
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet[Ipv6Format.PayloadLengthOffset..], (ushort)(packet.Length - Ipv6Format.HeaderLength));
        packet[Ipv6Format.NextHeaderOffset] = protocol;
        packet[Ipv6Format.NextHeaderOffset + 1] = 64;
        packet[Ipv6Format.SourceAddressOffset] = packet[Ipv6Format.DestinationAddressOffset] = 0xFD;
        packet[Ipv6Format.DestinationAddressOffset + Ipv6Format.AddressLength - 1] = 1;
    }
}
