using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Wire;

/// <summary>What the data plane needs to know of an IP packet that travels inside Geneve or comes out of a tunnel device.</summary>
public readonly struct InnerPacket
{
    /// <summary>More extension headers than this and the transport header counts as not found: nobody sends so many in earnest.</summary>
    public const int MaximumExtensionHeaders = 8;

    private const int PortsLength = 4;

    private InnerPacket(int version, int length, in UpperLayer upper, ushort sourcePort, ushort destinationPort, bool hasPorts)
    {
        FragmentId = upper.FragmentId;
        Length = (ushort)length;
        TransportOffset = (ushort)upper.Offset;
        SourcePort = sourcePort;
        DestinationPort = destinationPort;
        Version = (byte)version;
        Protocol = upper.Protocol;
        IsFragment = upper.IsFragment;
        IsFirstFragment = upper.IsFirstFragment;
        HasPorts = hasPorts;
        HasBrokenHeaderChain = upper.IsBroken;
    }

    /// <summary>The identification that fragments of one packet share: 16 bits in every IPv4 packet, 32 in an IPv6 fragment header, else 0.</summary>
    public uint FragmentId { get; }

    /// <summary>The IP packet in bytes, 20 to 65,535; what follows it is padding.</summary>
    public ushort Length { get; }

    /// <summary>Where the upper-layer header begins; 0 when there is none to find: a later fragment, extension headers that are cut short or too many, or no next header.</summary>
    public ushort TransportOffset { get; }

    /// <summary>In host byte order; 0 without <see cref="HasPorts"/>.</summary>
    public ushort SourcePort { get; }

    /// <summary>In host byte order; 0 without <see cref="HasPorts"/>.</summary>
    public ushort DestinationPort { get; }

    /// <summary>4 or 6.</summary>
    public byte Version { get; }

    /// <summary>The upper-layer protocol, behind the extension headers of IPv6 as far as they could be walked.</summary>
    public byte Protocol { get; }

    /// <summary>More fragments follow, or this is not the first.</summary>
    public bool IsFragment { get; }

    /// <summary>A fragment with offset 0: it carries the upper-layer header.</summary>
    public bool IsFirstFragment { get; }

    /// <summary>A fragment with another offset than 0: it carries no upper-layer header, so nothing in it names its flow.</summary>
    public bool IsLaterFragment => IsFragment && !IsFirstFragment;

    /// <summary>TCP or UDP, not a later fragment, and the ports were within the packet.</summary>
    public bool HasPorts { get; }

    /// <summary>IPv6 extension headers run off the packet, or are more than <see cref="MaximumExtensionHeaders"/>: what they lead to is not known.</summary>
    public bool HasBrokenHeaderChain { get; }

    /// <summary>The Geneve protocol type that such a packet travels under.</summary>
    public ushort ProtocolType => Version == 4 ? EtherType.Ipv4 : EtherType.Ipv6;

    /// <summary>
    /// Reads an IP packet. What its upper layer holds is not judged: an odd packet is still forwarded, it only has no ports.
    /// </summary>
    /// <param name="packet">The packet, perhaps with padding after it.</param>
    /// <param name="inner">The result; undefined unless accepted.</param>
    /// <returns><see cref="DropReason.None"/>, <see cref="DropReason.InnerTruncated"/>, <see cref="DropReason.InnerVersion"/> or <see cref="DropReason.InnerLength"/>.</returns>
    public static DropReason TryParse(ReadOnlySpan<byte> packet, out InnerPacket inner)
    {
        Unsafe.SkipInit(out inner);
        if (packet.IsEmpty)
            return DropReason.InnerTruncated;
        return (packet[0] >> 4) switch
        {
            4 => ParseIpv4(packet, out inner),
            6 => ParseIpv6(packet, out inner),
            _ => DropReason.InnerVersion,
        };
    }

    /// <summary>
    /// Reads as much of an IP packet as an ICMP error quotes: <see cref="Length"/> is what is there of it. What follows it is padding (RFC 4884 section 4).
    /// </summary>
    /// <param name="quote">The quote, from its IP header on.</param>
    /// <param name="inner">The result; undefined unless true.</param>
    /// <returns>False when not even its IP header is there.</returns>
    public static bool TryParseQuote(ReadOnlySpan<byte> quote, out InnerPacket inner)
    {
        Unsafe.SkipInit(out inner);
        switch (quote.IsEmpty ? 0 : quote[0] >> 4)
        {
            case 4 when quote.Length >= Ipv4Format.MinimumLength && HeaderLength(quote) is >= Ipv4Format.MinimumLength and var length && length <= quote.Length:
                inner = ReadIpv4(WithoutPadding(quote, BinaryPrimitives.ReadUInt16BigEndian(quote[Ipv4Format.TotalLengthOffset..]), length), length);
                return true;
            case 6 when quote.Length >= Ipv6Format.HeaderLength:
                inner = ReadIpv6(WithoutPadding(quote, Ipv6Format.HeaderLength + BinaryPrimitives.ReadUInt16BigEndian(quote[Ipv6Format.PayloadLengthOffset..]), Ipv6Format.HeaderLength));
                return true;
            default:
                return false;
        }
    }

    // A length that is no length says nothing: some hosts have been known to quote it in the wrong byte order.
    private static ReadOnlySpan<byte> WithoutPadding(ReadOnlySpan<byte> quote, int stated, int headerLength) =>
        stated >= headerLength && stated < quote.Length ? quote[..stated] : quote[..Math.Min(quote.Length, ushort.MaxValue)];

    private static int HeaderLength(ReadOnlySpan<byte> packet) => (packet[0] & Ipv4Format.HeaderLengthMask) * Ipv4Format.LengthUnit;

    private static DropReason ParseIpv4(ReadOnlySpan<byte> packet, out InnerPacket inner)
    {
        Unsafe.SkipInit(out inner);
        if (packet.Length < Ipv4Format.MinimumLength)
            return DropReason.InnerTruncated;
        int headerLength = HeaderLength(packet);
        int length = BinaryPrimitives.ReadUInt16BigEndian(packet[Ipv4Format.TotalLengthOffset..]);
        if (headerLength < Ipv4Format.MinimumLength || headerLength > length || length > packet.Length)
            return DropReason.InnerLength;

        inner = ReadIpv4(packet[..length], headerLength);
        return DropReason.None;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static InnerPacket ReadIpv4(ReadOnlySpan<byte> packet, int headerLength)
    {
        int fragment = BinaryPrimitives.ReadUInt16BigEndian(packet[Ipv4Format.FragmentOffset..]);
        bool isLaterFragment = (fragment & Ipv4Format.FragmentOffsetMask) != 0;
        bool hasMore = (fragment & Ipv4Format.MoreFragmentsBit) != 0;
        UpperLayer upper = new()
        {
            Protocol = packet[Ipv4Format.ProtocolOffset],
            Offset = isLaterFragment ? 0 : headerLength,
            IsFragment = isLaterFragment || hasMore,
            IsFirstFragment = !isLaterFragment && hasMore,
            FragmentId = BinaryPrimitives.ReadUInt16BigEndian(packet[Ipv4Format.IdentificationOffset..]),
        };
        return WithPorts(4, packet, upper);
    }

    private static DropReason ParseIpv6(ReadOnlySpan<byte> packet, out InnerPacket inner)
    {
        Unsafe.SkipInit(out inner);
        if (packet.Length < Ipv6Format.HeaderLength)
            return DropReason.InnerTruncated;
        int length = Ipv6Format.HeaderLength + BinaryPrimitives.ReadUInt16BigEndian(packet[Ipv6Format.PayloadLengthOffset..]);
        // A length above 65,535 would not fit a datagram either, so it runs past what was received.
        if (length > packet.Length || length > ushort.MaxValue)
            return DropReason.InnerLength;

        inner = ReadIpv6(packet[..length]);
        return DropReason.None;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static InnerPacket ReadIpv6(ReadOnlySpan<byte> packet)
    {
        UpperLayer upper = new() { Protocol = packet[Ipv6Format.NextHeaderOffset], Offset = Ipv6Format.HeaderLength };
        if (upper.Protocol is not (IpProtocol.Tcp or IpProtocol.Udp))
            WalkExtensionHeaders(packet, ref upper);
        return WithPorts(6, packet, upper);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WalkExtensionHeaders(ReadOnlySpan<byte> packet, ref UpperLayer upper)
    {
        for (int walked = 0; ; walked++)
        {
            if (upper.Protocol is not (IpProtocol.HopByHop or IpProtocol.Routing or IpProtocol.DestinationOptions or IpProtocol.Fragment or IpProtocol.AuthenticationHeader))
            {
                if (upper.Protocol == IpProtocol.NoNextHeader)
                    upper.Offset = 0;
                return;
            }

            if (walked == MaximumExtensionHeaders || packet.Length - upper.Offset < Ipv6Format.ExtensionUnit)
                break;

            ReadOnlySpan<byte> header = packet[upper.Offset..];
            int headerLength = upper.Protocol switch
            {
                IpProtocol.Fragment => Ipv6Format.ExtensionUnit,
                IpProtocol.AuthenticationHeader => Ipv6Format.ExtensionUnit + header[Ipv6Format.ExtensionLengthOffset] * Ipv6Format.AuthenticationUnit,
                _ => Ipv6Format.ExtensionUnit + header[Ipv6Format.ExtensionLengthOffset] * Ipv6Format.ExtensionUnit,
            };
            if (headerLength > header.Length)
                break;

            bool isFragmentHeader = upper.Protocol == IpProtocol.Fragment;
            upper.Protocol = header[0];
            upper.Offset += headerLength;
            // A second one does not make a fragment whole.
            if (!isFragmentHeader || upper.IsFragment)
                continue;

            int fragment = BinaryPrimitives.ReadUInt16BigEndian(header[Ipv6Format.FragmentOffset..]);
            bool isLaterFragment = (fragment & Ipv6Format.FragmentOffsetMask) != 0;
            bool hasMore = (fragment & Ipv6Format.MoreFragmentsBit) != 0;
            // Neither set is an atomic fragment (RFC 6946): whole, whatever header it carries.
            upper.IsFragment = isLaterFragment || hasMore;
            upper.IsFirstFragment = !isLaterFragment && hasMore;
            upper.FragmentId = BinaryPrimitives.ReadUInt32BigEndian(header[Ipv6Format.FragmentIdentificationOffset..]);
            if (!isLaterFragment)
                continue;
            upper.Offset = 0;
            return;
        }

        upper.Offset = 0;
        upper.IsBroken = true;
    }

    private static InnerPacket WithPorts(int version, ReadOnlySpan<byte> packet, in UpperLayer upper)
    {
        bool hasPorts = upper.Protocol is IpProtocol.Tcp or IpProtocol.Udp
            && upper.Offset != 0
            && packet.Length - upper.Offset >= PortsLength;
        if (!hasPorts)
            return new InnerPacket(version, packet.Length, upper, 0, 0, hasPorts: false);

        uint ports = BinaryPrimitives.ReadUInt32BigEndian(packet[upper.Offset..]);
        return new InnerPacket(version, packet.Length, upper, (ushort)(ports >> 16), (ushort)ports, hasPorts: true);
    }

    private struct UpperLayer
    {
        public uint FragmentId;
        public int Offset;
        public byte Protocol;
        public bool IsFragment;
        public bool IsFirstFragment;
        public bool IsBroken;
    }
}
