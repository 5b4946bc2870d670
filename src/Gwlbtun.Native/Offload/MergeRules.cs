using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Offload;

/// <summary>
/// Which packets may be merged: those that segmenting gives back byte for byte, and that the kernel's own receive offload would
/// merge, too (net/ipv4/tcp_offload.c, udp_offload.c, af_inet.c).
/// </summary>
internal static class MergeRules
{
    private const int PortsLength = 4;

    /// <summary>What kind a packet is, and how long its headers are; none when it must go by itself.</summary>
    public static MergeKinds KindOf(ReadOnlySpan<byte> packet, in InnerPacket inner, out int headerLength)
    {
        headerLength = 0;
        if (!inner.HasPorts || inner.IsFragment || inner.TransportOffset != (inner.Version == 4 ? Ipv4Format.MinimumLength : Ipv6Format.HeaderLength))
            return MergeKinds.None;
        ReadOnlySpan<byte> transport = packet[inner.TransportOffset..inner.Length];
        if (inner.Protocol == IpProtocol.Tcp)
        {
            if (transport.Length < TcpFormat.MinimumLength || (transport[TcpFormat.FlagsOffset] & ~TcpFormat.Psh) != TcpFormat.Ack)
                return MergeKinds.None;
            headerLength = inner.TransportOffset + TcpFormat.HeaderLength(transport);
            bool isSound = headerLength >= inner.TransportOffset + TcpFormat.MinimumLength && headerLength < inner.Length
                // Segmenting writes a checksum of zero as 0, not as its other form.
                && BinaryPrimitives.ReadUInt16BigEndian(transport[TcpFormat.ChecksumOffset..]) != ushort.MaxValue;
            return !isSound ? MergeKinds.None : inner.Version == 4 ? MergeKinds.Tcp4 : MergeKinds.Tcp6;
        }

        headerLength = inner.TransportOffset + UdpFormat.HeaderLength;
        bool isWhole = headerLength < inner.Length
            && BinaryPrimitives.ReadUInt16BigEndian(transport[UdpFormat.LengthOffset..]) == transport.Length
            && BinaryPrimitives.ReadUInt16BigEndian(transport[UdpFormat.ChecksumOffset..]) != 0;
        return !isWhole ? MergeKinds.None : inner.Version == 4 ? MergeKinds.Udp4 : MergeKinds.Udp6;
    }

    /// <summary>Whether two packets of the same kind are of one flow.</summary>
    public static bool IsSameFlow(ReadOnlySpan<byte> first, ReadOnlySpan<byte> packet, bool isV4) => isV4
        ? AreSame(first, packet, Ipv4Format.SourceAddressOffset, Ipv4Format.MinimumLength + PortsLength)
        : AreSame(first, packet, Ipv6Format.SourceAddressOffset, Ipv6Format.HeaderLength + PortsLength);

    /// <summary>Whether a packet of the same flow continues the one that starts a super-packet of <paramref name="segments"/> segments so far.</summary>
    /// <param name="first">The first packet.</param>
    /// <param name="packet">The one that would join.</param>
    /// <param name="kind">Their kind.</param>
    /// <param name="headerLength">Bytes of the headers of either.</param>
    /// <param name="segments">Segments so far.</param>
    /// <param name="payloadBytes">Payload bytes so far.</param>
    public static bool Continues(ReadOnlySpan<byte> first, ReadOnlySpan<byte> packet, MergeKinds kind, int headerLength, int segments, int payloadBytes)
    {
        bool isV4 = kind is MergeKinds.Tcp4 or MergeKinds.Udp4;
        if (isV4 ? !ContinuesIpv4(first, packet, segments) : !ContinuesIpv6(first, packet))
            return false;
        if (kind is MergeKinds.Udp4 or MergeKinds.Udp6)
            return true;

        int at = isV4 ? Ipv4Format.MinimumLength : Ipv6Format.HeaderLength;
        ReadOnlySpan<byte> own = packet[at..headerLength];
        ReadOnlySpan<byte> before = first[at..headerLength];
        return own[TcpFormat.DataOffset] == before[TcpFormat.DataOffset]
            && BinaryPrimitives.ReadUInt32BigEndian(own[TcpFormat.SequenceOffset..])
                == BinaryPrimitives.ReadUInt32BigEndian(before[TcpFormat.SequenceOffset..]) + (uint)payloadBytes
            && own.Slice(TcpFormat.AcknowledgementOffset, 4).SequenceEqual(before.Slice(TcpFormat.AcknowledgementOffset, 4))
            && own.Slice(TcpFormat.WindowOffset, 2).SequenceEqual(before.Slice(TcpFormat.WindowOffset, 2))
            // Urgent pointer and options.
            && own[(TcpFormat.ChecksumOffset + 2)..].SequenceEqual(before[(TcpFormat.ChecksumOffset + 2)..]);
    }

    /// <summary>Whether its checksums are right: a merged packet gets new ones, which must not make a damaged packet a sound one.</summary>
    /// <param name="packet">The packet, exactly.</param>
    /// <param name="kind">Its kind.</param>
    public static bool IsSound(ReadOnlySpan<byte> packet, MergeKinds kind)
    {
        bool isV4 = kind is MergeKinds.Tcp4 or MergeKinds.Udp4;
        if (isV4 && InternetChecksum.Compute(packet[..Ipv4Format.MinimumLength]) != 0)
            return false;
        int at = isV4 ? Ipv4Format.MinimumLength : Ipv6Format.HeaderLength;
        uint pseudo = (uint)(packet.Length - at) + (kind is MergeKinds.Tcp4 or MergeKinds.Tcp6 ? IpProtocol.Tcp : IpProtocol.Udp);
        // The rest of the pseudo-header, the addresses, stands right in front of the transport header.
        return InternetChecksum.Compute(packet[(isV4 ? Ipv4Format.SourceAddressOffset : Ipv6Format.SourceAddressOffset)..], pseudo) == 0;
    }

    /// <summary>
    /// Whether the segments of a super-packet all have the identification 0: an atomic datagram needs none (RFC 6864 section 4.1),
    /// and Linux gives unconnected sockets none.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool KeepsIdentification(ReadOnlySpan<byte> ipv4) =>
        BinaryPrimitives.ReadUInt16BigEndian(ipv4[Ipv4Format.IdentificationOffset..]) == 0 && (ipv4[Ipv4Format.FragmentOffset] & 0x40) != 0;

    // Length, identification and checksum differ; all else is the same.
    private static bool ContinuesIpv4(ReadOnlySpan<byte> first, ReadOnlySpan<byte> packet, int segments)
    {
        if (first[1] != packet[1]
            || MemoryWord(first, Ipv4Format.FragmentOffset) != MemoryWord(packet, Ipv4Format.FragmentOffset)
            || MemoryWord(first, Ipv4Format.TimeToLiveOffset) != MemoryWord(packet, Ipv4Format.TimeToLiveOffset))
            return false;
        ushort expected = BinaryPrimitives.ReadUInt16BigEndian(first[Ipv4Format.IdentificationOffset..]);
        if (!KeepsIdentification(first))
            expected += (ushort)segments;
        return BinaryPrimitives.ReadUInt16BigEndian(packet[Ipv4Format.IdentificationOffset..]) == expected;
    }

    // Version, traffic class and flow label; next header and hop limit.
    private static bool ContinuesIpv6(ReadOnlySpan<byte> first, ReadOnlySpan<byte> packet) =>
        first[..Ipv6Format.PayloadLengthOffset].SequenceEqual(packet[..Ipv6Format.PayloadLengthOffset])
        && MemoryWord(first, Ipv6Format.NextHeaderOffset) == MemoryWord(packet, Ipv6Format.NextHeaderOffset);

    // Of a length that is known where it is inlined, so that no call remains.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AreSame(ReadOnlySpan<byte> first, ReadOnlySpan<byte> packet, int from, int to) =>
        first.Slice(from, to - from).SequenceEqual(packet.Slice(from, to - from));

    private static ushort MemoryWord(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
}
