using System.Buffers.Binary;

namespace Gwlbtun.Emulator.Judging;

/// <summary>A packet's place among the fragments of a datagram.</summary>
/// <param name="Id">The identification, 16 bits in every IPv4 packet, 32 in an IPv6 fragment header, else 0.</param>
/// <param name="Offset">Where its payload belongs, in bytes.</param>
/// <param name="HasMore">Whether others follow.</param>
/// <param name="HeaderOffset">Where IPv6's fragment header stands; 0 is none.</param>
internal readonly record struct FragmentView(uint Id, int Offset, bool HasMore, int HeaderOffset = 0);

/// <summary>An inner packet, read straight from RFC 791 and RFC 8200 without the project's own parser.</summary>
internal readonly struct InnerView
{
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Icmp = 1;
    private const byte IcmpV6 = 58;
    private const int ErrorHeaderLength = 8;

    private InnerView(byte version, int length, int upper, byte protocol, in FragmentView fragment)
    {
        Version = version;
        Length = length;
        UpperOffset = upper;
        Protocol = protocol;
        Fragment = fragment;
    }

    public byte Version { get; }

    /// <summary>Bytes of the packet, by its own statement.</summary>
    public int Length { get; }

    /// <summary>Where the upper-layer header begins, or the payload of a later fragment.</summary>
    public int UpperOffset { get; }

    public byte Protocol { get; }

    /// <summary>What its headers say of fragmentation.</summary>
    public FragmentView Fragment { get; }

    public bool IsFragment => Fragment.Offset != 0 || Fragment.HasMore;

    public bool IsLaterFragment => Fragment.Offset != 0;

    public bool HasPorts => Protocol is Tcp or Udp && !IsLaterFragment && Length - UpperOffset >= 4;

    /// <summary>The two addresses, one behind the other.</summary>
    public ReadOnlySpan<byte> Addresses(ReadOnlySpan<byte> packet) => Version == 4 ? packet.Slice(12, 8) : packet.Slice(8, 32);

    /// <summary>A TCP segment that opens a connection: SYN without ACK.</summary>
    public bool IsOpening(ReadOnlySpan<byte> packet) =>
        Protocol == Tcp && !IsLaterFragment && Length - UpperOffset >= 20 && (packet[UpperOffset + 13] & 0x12) == 0x02;

    /// <summary>Whether it goes to a multicast or broadcast address.</summary>
    public bool IsToMany(ReadOnlySpan<byte> packet) => Version == 4 ? packet[16] is (>= 224 and < 240) or 255 : packet[24] == 0xFF;

    public static bool TryParse(ReadOnlySpan<byte> packet, out InnerView view) => TryParse(packet, isQuote: false, out view);

    /// <summary>Whether it is an ICMP or ICMPv6 error, which quotes the packet that it answers (RFC 792, RFC 4443 section 2.1).</summary>
    public bool IsError(ReadOnlySpan<byte> packet)
    {
        if (IsLaterFragment || Length - UpperOffset < ErrorHeaderLength)
            return false;
        return (Version, Protocol) switch
        {
            (4, Icmp) => packet[UpperOffset] is 3 or 4 or 5 or 11 or 12,
            (6, IcmpV6) => packet[UpperOffset] is >= 1 and <= 4,
            _ => false,
        };
    }

    /// <summary>Reads the packet that an error quotes, of which the end may be missing.</summary>
    /// <param name="packet">The error.</param>
    /// <param name="quote">The quoted bytes.</param>
    /// <param name="quoted">The quoted packet; its length is that of the quote at most.</param>
    public bool TryReadQuote(ReadOnlySpan<byte> packet, out ReadOnlySpan<byte> quote, out InnerView quoted)
    {
        quote = packet[(UpperOffset + ErrorHeaderLength)..Length];
        return TryParse(quote, isQuote: true, out quoted);
    }

    private static bool TryParse(ReadOnlySpan<byte> packet, bool isQuote, out InnerView view)
    {
        view = default;
        if (packet.Length < 20)
            return false;
        return (packet[0] >> 4) switch
        {
            4 => TryParseIpv4(packet, isQuote, out view),
            6 => TryParseIpv6(packet, isQuote, out view),
            _ => false,
        };
    }

    private static bool TryParseIpv4(ReadOnlySpan<byte> packet, bool isQuote, out InnerView view)
    {
        view = default;
        int header = 4 * (packet[0] & 15);
        int length = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (isQuote)
            length = Math.Min(length, packet.Length);
        if (header < 20 || header > length || length > packet.Length)
            return false;
        int fragment = BinaryPrimitives.ReadUInt16BigEndian(packet[6..]);
        view = new InnerView(4, length, header, packet[9], new FragmentView(BinaryPrimitives.ReadUInt16BigEndian(packet[4..]), (fragment & 0x1FFF) * 8, (fragment & 0x2000) != 0));
        return true;
    }

    private static bool TryParseIpv6(ReadOnlySpan<byte> packet, bool isQuote, out InnerView view)
    {
        view = default;
        if (packet.Length < 40)
            return false;
        int length = 40 + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (isQuote)
            length = Math.Min(length, packet.Length);
        if (length > packet.Length)
            return false;
        byte next = packet[6];
        int at = 40;
        FragmentView fragment = default;
        while (next is 0 or 43 or 44 or 51 or 60 && fragment.Offset == 0)
        {
            if (at + 8 > length)
                return false;
            int size = next switch { 44 => 8, 51 => 8 + 4 * packet[at + 1], _ => 8 + 8 * packet[at + 1] };
            if (next == 44)
            {
                int offset = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]);
                fragment = new FragmentView(BinaryPrimitives.ReadUInt32BigEndian(packet[(at + 4)..]), offset & 0xFFF8, (offset & 1) != 0, at);
            }

            next = packet[at];
            at += size;
        }

        if (at > length)
            return false;
        view = new InnerView(6, length, at, next, fragment);
        return true;
    }

    /// <summary>Whether the IPv4 header's checksum and the upper layer's are valid; what cannot be judged (fragments, other protocols, UDP without a checksum) is.</summary>
    public bool HasValidChecksums(ReadOnlySpan<byte> packet) => HasValidHeaderChecksum(packet) && HasValidUpperChecksum(packet);

    /// <summary>Whether the IPv4 header's checksum is valid; IPv6 has none.</summary>
    public bool HasValidHeaderChecksum(ReadOnlySpan<byte> packet) => Version != 4 || OnesComplement.IsValid(packet[..(4 * (packet[0] & 15))]);

    private bool HasValidUpperChecksum(ReadOnlySpan<byte> packet)
    {
        if (IsFragment)
            return true;
        ReadOnlySpan<byte> upper = packet[UpperOffset..Length];
        switch (Protocol)
        {
            case Icmp when Version == 4:
                return OnesComplement.IsValid(upper);
            case Udp when Version == 4 && upper.Length >= 8 && upper[6] == 0 && upper[7] == 0:
                return true;
            case Tcp or Udp:
            case IcmpV6 when Version == 6:
                Span<byte> lengthAndProtocol = stackalloc byte[8];
                BinaryPrimitives.WriteInt32BigEndian(lengthAndProtocol, upper.Length);
                BinaryPrimitives.WriteInt32BigEndian(lengthAndProtocol[4..], Protocol);
                return OnesComplement.IsValid(upper, OnesComplement.Sum(lengthAndProtocol, OnesComplement.Sum(Addresses(packet))));
            default:
                return true;
        }
    }
}
