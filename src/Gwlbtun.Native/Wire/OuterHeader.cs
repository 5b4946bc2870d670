using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Wire;

/// <summary>The IPv4 and UDP headers written in front of a Geneve header.</summary>
public static class OuterHeader
{
    /// <summary>20 bytes of IPv4 without options, 8 of UDP.</summary>
    public const int Length = Ipv4Length + UdpLength;

    private const int Ipv4Length = 20;
    private const int UdpLength = 8;
    private const ushort VersionAndTos = 0x4500;
    private const ushort DoNotFragment = 0x4000;
    private const byte Ttl = 64;
    private const ushort TtlAndProtocol = Ttl << 8 | IpProtocol.Udp;

    private const int TotalLengthOffset = 2;
    private const int IdentificationOffset = 4;
    private const int FragmentOffset = 6;
    private const int TtlOffset = 8;
    private const int ChecksumOffset = 10;
    private const int SourceAddressOffset = 12;
    private const int DestinationAddressOffset = 16;
    private const int SourcePortOffset = 20;
    private const int DestinationPortOffset = 22;
    private const int UdpLengthOffset = 24;
    private const int UdpChecksumOffset = 26;

    /// <summary>
    /// Writes the headers: TOS 0, ID 0, DF, TTL 64, a valid IPv4 checksum, and UDP checksum 0 (none: RFC 768, legal over IPv4,
    /// and RFC 8926 section 3.3 lets Geneve do so).
    /// </summary>
    /// <param name="destination">At least <see cref="Length"/> bytes.</param>
    /// <param name="sourceAddress">In network byte order, as it stands in memory.</param>
    /// <param name="destinationAddress">In network byte order, as it stands in memory.</param>
    /// <param name="sourcePort">In host byte order.</param>
    /// <param name="destinationPort">In host byte order.</param>
    /// <param name="udpPayloadLength">The Geneve header and the inner packet together, 0 to 65,507.</param>
    public static void Write(Span<byte> destination, uint sourceAddress, uint destinationAddress, ushort sourcePort, ushort destinationPort, int udpPayloadLength)
    {
        destination = destination[..Length];
        ushort totalLength = (ushort)(Length + udpPayloadLength);
        BinaryPrimitives.WriteUInt16BigEndian(destination, VersionAndTos);
        BinaryPrimitives.WriteUInt16BigEndian(destination[TotalLengthOffset..], totalLength);
        BinaryPrimitives.WriteUInt16BigEndian(destination[IdentificationOffset..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(destination[FragmentOffset..], DoNotFragment);
        BinaryPrimitives.WriteUInt16BigEndian(destination[TtlOffset..], TtlAndProtocol);
        uint sum = (uint)VersionAndTos + totalLength + DoNotFragment + TtlAndProtocol + WordsOf(sourceAddress) + WordsOf(destinationAddress);
        BinaryPrimitives.WriteUInt16BigEndian(destination[ChecksumOffset..], (ushort)~InternetChecksum.Fold(sum));
        MemoryMarshal.Write(destination[SourceAddressOffset..], in sourceAddress);
        MemoryMarshal.Write(destination[DestinationAddressOffset..], in destinationAddress);
        BinaryPrimitives.WriteUInt16BigEndian(destination[SourcePortOffset..], sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(destination[DestinationPortOffset..], destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(destination[UdpLengthOffset..], (ushort)(UdpLength + udpPayloadLength));
        BinaryPrimitives.WriteUInt16BigEndian(destination[UdpChecksumOffset..], 0);
    }

    /// <summary>
    /// The same, but the UDP checksum is the pseudo-header's sum: whoever takes the packet apart or sends it finishes it (CHECKSUM_PARTIAL,
    /// Linux Documentation/networking/checksum-offloads.rst). The kernel takes UDP super-packets in no other form.
    /// </summary>
    public static void WriteWithPartialChecksum(Span<byte> destination, uint sourceAddress, uint destinationAddress, ushort sourcePort, ushort destinationPort, int udpPayloadLength)
    {
        Write(destination, sourceAddress, destinationAddress, sourcePort, destinationPort, udpPayloadLength);
        uint pseudo = WordsOf(sourceAddress) + WordsOf(destinationAddress) + IpProtocol.Udp + (uint)(UdpLength + udpPayloadLength);
        BinaryPrimitives.WriteUInt16BigEndian(destination[UdpChecksumOffset..], InternetChecksum.Fold(pseudo));
    }

    private static uint WordsOf(uint networkOrder)
    {
        uint address = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(networkOrder) : networkOrder;
        return (address >> 16) + (address & 0xFFFF);
    }
}
