using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Offload;

/// <summary>
/// Takes a super-packet that came out of a TUN device apart again: the headers of each segment, written one by one; the payload stays where
/// it is. Also finishes the checksum of a packet that came without.
/// </summary>
internal unsafe ref struct Segmenter
{
    private readonly ReadOnlySpan<byte> _packet;
    private readonly InnerPacket _inner;
    private readonly int _headerLength;
    private readonly int _segmentSize;
    private readonly bool _keepsIdentification;

    // Sums of what no segment changes: of the IPv4 header, and of the pseudo-header and transport header.
    private readonly uint _ipSum;
    private readonly uint _transportSum;

    private Segmenter(ReadOnlySpan<byte> packet, in InnerPacket inner, int headerLength, int segmentSize, bool hasPartialChecksum)
    {
        _packet = packet;
        _inner = inner;
        _headerLength = headerLength;
        _segmentSize = segmentSize;
        Count = Math.Max(1, (packet.Length - headerLength + segmentSize - 1) / segmentSize);
        ReadOnlySpan<byte> addresses;
        if (inner.Version == 4)
        {
            addresses = packet.Slice(Ipv4Format.SourceAddressOffset, 2 * Ipv4Format.AddressLength);
            _keepsIdentification = MergeRules.KeepsIdentification(packet);
            _ipSum = InternetChecksum.Sum(packet[..inner.TransportOffset])
                + Without(packet, Ipv4Format.TotalLengthOffset)
                + Without(packet, Ipv4Format.IdentificationOffset)
                + Without(packet, Ipv4Format.HeaderChecksumOffset);
        }
        else
        {
            addresses = packet.Slice(Ipv6Format.SourceAddressOffset, 2 * Ipv6Format.AddressLength);
        }

        ReadOnlySpan<byte> transport = packet[inner.TransportOffset..headerLength];
        // Behind a routing header the pseudo-header has the final destination: the kernel's own sum of it, in the field, knows it.
        uint pseudo = hasPartialChecksum && inner.Version == 6 && inner.TransportOffset > Ipv6Format.HeaderLength
            ? BinaryPrimitives.ReadUInt16BigEndian(transport[(inner.Protocol == IpProtocol.Tcp ? TcpFormat.ChecksumOffset : UdpFormat.ChecksumOffset)..]) + (uint)(ushort)~(packet.Length - inner.TransportOffset)
            : InternetChecksum.Sum(addresses, inner.Protocol);
        _transportSum = InternetChecksum.Sum(transport, pseudo);
        if (inner.Protocol == IpProtocol.Tcp)
        {
            _transportSum += Without(transport, TcpFormat.SequenceOffset)
                + Without(transport, TcpFormat.SequenceOffset + sizeof(ushort))
                + Without(transport, TcpFormat.DataOffset)
                + Without(transport, TcpFormat.ChecksumOffset);
        }
        else
        {
            _transportSum += Without(transport, UdpFormat.LengthOffset) + Without(transport, UdpFormat.ChecksumOffset);
        }
    }

    /// <summary>How many segments there are.</summary>
    public readonly int Count { get; }

    /// <summary>Bytes of the headers of each segment.</summary>
    public readonly int HeaderLength => _headerLength;

    /// <summary>Bytes of payload in each segment but the last.</summary>
    public readonly int SegmentSize => _segmentSize;

    /// <summary>Looks at a packet that says it is a super-packet.</summary>
    /// <param name="virtio">What the device said of it.</param>
    /// <param name="packet">The packet, exactly.</param>
    /// <param name="inner">What parsing it found.</param>
    /// <param name="segmenter">The result; undefined unless true.</param>
    /// <returns>False when the headers are not what a super-packet must have.</returns>
    public static bool TryCreate(in VirtioNetHeader virtio, ReadOnlySpan<byte> packet, in InnerPacket inner, out Segmenter segmenter)
    {
        segmenter = default;
        bool isTcp = inner.Protocol == IpProtocol.Tcp;
        bool isExpected = (virtio.GsoType & ~VirtioNetHeader.GsoEcn) switch
        {
            VirtioNetHeader.GsoTcp4 => isTcp && inner.Version == 4,
            VirtioNetHeader.GsoTcp6 => isTcp && inner.Version == 6,
            VirtioNetHeader.GsoUdp => inner.Protocol == IpProtocol.Udp,
            _ => false,
        };
        if (!isExpected || virtio.GsoSize == 0 || inner.TransportOffset == 0 || inner.IsFragment || inner.Length != packet.Length)
            return false;

        // The device's own idea of the length of the headers is only a hint.
        ReadOnlySpan<byte> transport = packet[inner.TransportOffset..];
        if (transport.Length < (isTcp ? TcpFormat.MinimumLength : UdpFormat.HeaderLength))
            return false;
        int transportLength = isTcp ? TcpFormat.HeaderLength(transport) : UdpFormat.HeaderLength;
        if (transportLength < (isTcp ? TcpFormat.MinimumLength : UdpFormat.HeaderLength)
            || transportLength > transport.Length
            || inner.TransportOffset + transportLength > SuperPacket.MaximumHeaderBytes)
            return false;
        segmenter = new Segmenter(packet, inner, inner.TransportOffset + transportLength, virtio.GsoSize, (virtio.Flags & VirtioNetHeader.NeedsChecksum) != 0);
        return true;
    }

    /// <summary>Finishes the checksum of a single packet that came without, in place.</summary>
    /// <returns>False when what the device said of it does not fit the packet.</returns>
    public static bool TryFinishChecksum(in VirtioNetHeader virtio, Span<byte> packet)
    {
        int at = virtio.ChecksumStart + virtio.ChecksumOffset;
        if (virtio.ChecksumStart >= packet.Length || at + 2 > packet.Length)
            return false;

        // The field holds the pseudo-header's sum: summed with the rest it gives the checksum.
        ushort checksum = InternetChecksum.Compute(packet[virtio.ChecksumStart..]);
        // UDP has no checksum of 0 (RFC 768), and to all others both forms of zero are the same.
        BinaryPrimitives.WriteUInt16BigEndian(packet[at..], checksum == 0 && virtio.ChecksumOffset == UdpFormat.ChecksumOffset ? ushort.MaxValue : checksum);
        return true;
    }

    /// <summary>Where the payload of a segment begins in the super-packet.</summary>
    public readonly int OffsetOf(int segment) => _headerLength + (segment * _segmentSize);

    /// <summary>The payload of a segment, where it lies in the super-packet.</summary>
    public readonly ReadOnlySpan<byte> PayloadOf(int segment)
    {
        int start = OffsetOf(segment);
        return _packet.Slice(start, Math.Min(_segmentSize, _packet.Length - start));
    }

    /// <summary>Bytes of payload of so many segments, from one on.</summary>
    public readonly int PayloadLengthOf(int first, int count) => Math.Min(OffsetOf(first + count), _packet.Length) - OffsetOf(first);

    /// <summary>Writes the headers of a segment.</summary>
    /// <param name="segment">Its number, from 0.</param>
    /// <param name="headers">Where to, <see cref="HeaderLength"/> bytes.</param>
    [SkipLocalsInit]
    public readonly void WriteHeaders(int segment, Span<byte> headers)
    {
        headers = headers[.._headerLength];
        _packet[.._headerLength].CopyTo(headers);
        ReadOnlySpan<byte> payload = PayloadOf(segment);
        int length = _headerLength + payload.Length;
        int at = _inner.TransportOffset;
        if (_inner.Version == 4)
            WriteIpv4(segment, headers[..at], length);
        else
            BinaryPrimitives.WriteUInt16BigEndian(headers[Ipv6Format.PayloadLengthOffset..], (ushort)(length - Ipv6Format.HeaderLength));

        if (_inner.Protocol == IpProtocol.Tcp)
            WriteTcp(segment, headers[at..], payload);
        else
            WriteUdp(headers[at..], payload);
    }

    private readonly void WriteIpv4(int segment, Span<byte> header, int length)
    {
        ushort identification = BinaryPrimitives.ReadUInt16BigEndian(header[Ipv4Format.IdentificationOffset..]);
        if (!_keepsIdentification)
            identification += (ushort)segment;
        BinaryPrimitives.WriteUInt16BigEndian(header[Ipv4Format.TotalLengthOffset..], (ushort)length);
        BinaryPrimitives.WriteUInt16BigEndian(header[Ipv4Format.IdentificationOffset..], identification);
        BinaryPrimitives.WriteUInt16BigEndian(header[Ipv4Format.HeaderChecksumOffset..], (ushort)~InternetChecksum.Fold(_ipSum + (uint)length + identification));
    }

    private readonly void WriteTcp(int segment, Span<byte> header, ReadOnlySpan<byte> payload)
    {
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(header[TcpFormat.SequenceOffset..]) + (uint)(segment * _segmentSize);
        BinaryPrimitives.WriteUInt32BigEndian(header[TcpFormat.SequenceOffset..], sequence);
        if (segment != Count - 1)
            header[TcpFormat.FlagsOffset] &= unchecked((byte)~(TcpFormat.Fin | TcpFormat.Psh));
        if (segment != 0)
            header[TcpFormat.FlagsOffset] &= unchecked((byte)~TcpFormat.Cwr);

        uint sum = _transportSum + (uint)(header.Length + payload.Length) + (sequence >> 16) + (sequence & 0xFFFF)
            + BinaryPrimitives.ReadUInt16BigEndian(header[TcpFormat.DataOffset..]);
        BinaryPrimitives.WriteUInt16BigEndian(header[TcpFormat.ChecksumOffset..], (ushort)~InternetChecksum.Fold(InternetChecksum.Sum(payload, sum)));
    }

    private readonly void WriteUdp(Span<byte> header, ReadOnlySpan<byte> payload)
    {
        int length = UdpFormat.HeaderLength + payload.Length;
        BinaryPrimitives.WriteUInt16BigEndian(header[UdpFormat.LengthOffset..], (ushort)length);
        // The length is in the pseudo-header, too.
        ushort checksum = (ushort)~InternetChecksum.Fold(InternetChecksum.Sum(payload, _transportSum + (2 * (uint)length)));
        BinaryPrimitives.WriteUInt16BigEndian(header[UdpFormat.ChecksumOffset..], checksum == 0 ? ushort.MaxValue : checksum);
    }

    // Adding its complement takes a word out of a sum (RFC 1624 section 3).
    private static uint Without(ReadOnlySpan<byte> bytes, int at) => (ushort)~BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
}
