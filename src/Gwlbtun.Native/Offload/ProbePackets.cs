using System.Buffers.Binary;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Offload;

/// <summary>
/// A few packets of one flow, for <see cref="OffloadProbe"/> to see what becomes of them: from and to loopback addresses, so
/// that the host, having shown them, drops what comes in from outside (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3) and answers nothing.
/// </summary>
internal static unsafe class ProbePackets
{
    /// <summary>How many packets.</summary>
    public const int Count = 4;

    /// <summary>Bytes from packet to packet in memory; in front of each is room for a virtio header.</summary>
    public const int Stride = 2048;

    private const int Payload = 1000;
    private const int LastPayload = 333;
    private const ushort Port = 49_152;

    /// <summary>Writes the packets of a kind, <see cref="VirtioNetHeader.Length"/> bytes into each <see cref="Stride"/>.</summary>
    public static void Write(MergeKinds kind, Span<byte> memory)
    {
        for (int i = 0; i < Count; i++)
            WriteOne(kind, i, memory.Slice((i * Stride) + VirtioNetHeader.Length, LengthOf(kind, i)));
    }

    /// <summary>Whether a packet may be one of them: other programs send, too, as soon as there is a device.</summary>
    public static bool IsOne(ReadOnlySpan<byte> packet, in InnerPacket inner) =>
        inner.HasPorts && inner.SourcePort == Port && (inner.Version == 4 ? packet[Ipv4Format.SourceAddressOffset] == 127 : packet[Ipv6Format.SourceAddressOffset] == 0);

    /// <summary>Bytes of packet <paramref name="number"/>.</summary>
    public static int LengthOf(MergeKinds kind, int number) => HeaderLength(kind) + (number == Count - 1 ? LastPayload : Payload);

    private static bool IsV4(MergeKinds kind) => kind is MergeKinds.Tcp4 or MergeKinds.Udp4;

    private static bool IsTcp(MergeKinds kind) => kind is MergeKinds.Tcp4 or MergeKinds.Tcp6;

    private static int IpLength(MergeKinds kind) => IsV4(kind) ? Ipv4Format.MinimumLength : Ipv6Format.HeaderLength;

    private static int HeaderLength(MergeKinds kind) => IpLength(kind) + (IsTcp(kind) ? TcpFormat.MinimumLength : UdpFormat.HeaderLength);

    private static void WriteOne(MergeKinds kind, int number, Span<byte> packet)
    {
        packet.Clear();
        for (int i = HeaderLength(kind); i < packet.Length; i++)
            packet[i] = (byte)((i * 7) + number);
        Span<byte> transport = packet[IpLength(kind)..];
        byte protocol = IsTcp(kind) ? IpProtocol.Tcp : IpProtocol.Udp;
        if (IsV4(kind))
            WriteIpv4(packet, protocol, number);
        else
            WriteIpv6(packet, protocol);
        BinaryPrimitives.WriteUInt16BigEndian(transport, Port);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], Port);
        if (IsTcp(kind))
        {
            BinaryPrimitives.WriteUInt32BigEndian(transport[TcpFormat.SequenceOffset..], (uint)(1 + (number * Payload)));
            transport[TcpFormat.DataOffset] = TcpFormat.MinimumLength / 4 << 4;
            transport[TcpFormat.FlagsOffset] = TcpFormat.Ack;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[UdpFormat.LengthOffset..], (ushort)transport.Length);
        }

        _ = InnerPacket.TryParse(packet, out InnerPacket inner);
        BinaryPrimitives.WriteUInt16BigEndian(transport[(IsTcp(kind) ? TcpFormat.ChecksumOffset : UdpFormat.ChecksumOffset)..], InternetChecksum.Transport(packet, inner));
    }

    private static void WriteIpv4(Span<byte> packet, byte protocol, int number)
    {
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[Ipv4Format.TotalLengthOffset..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[Ipv4Format.IdentificationOffset..], (ushort)(1 + number));
        packet[Ipv4Format.TimeToLiveOffset] = 1;
        packet[Ipv4Format.ProtocolOffset] = protocol;
        ((ReadOnlySpan<byte>)[127, 0, 0, 1]).CopyTo(packet[Ipv4Format.SourceAddressOffset..]);
        ((ReadOnlySpan<byte>)[127, 0, 0, 2]).CopyTo(packet[Ipv4Format.DestinationAddressOffset..]);
        BinaryPrimitives.WriteUInt16BigEndian(packet[Ipv4Format.HeaderChecksumOffset..], InternetChecksum.Compute(packet[..Ipv4Format.MinimumLength]));
    }

    private static void WriteIpv6(Span<byte> packet, byte protocol)
    {
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet[Ipv6Format.PayloadLengthOffset..], (ushort)(packet.Length - Ipv6Format.HeaderLength));
        packet[Ipv6Format.NextHeaderOffset] = protocol;
        packet[Ipv6Format.NextHeaderOffset + 1] = 1;
        packet[Ipv6Format.SourceAddressOffset + Ipv6Format.AddressLength - 1] = 1;
        packet[Ipv6Format.DestinationAddressOffset + Ipv6Format.AddressLength - 1] = 1;
    }
}
