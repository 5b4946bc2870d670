using System.Buffers.Binary;

namespace Gwlbtun.Emulator.Judging;

/// <summary>An inner packet, read straight from RFC 791 and RFC 8200 without the project's own parser.</summary>
internal readonly struct InnerView
{
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Icmp = 1;
    private const byte IcmpV6 = 58;

    private InnerView(byte version, int length, int upper, byte protocol, bool isFragment, bool isLaterFragment)
    {
        Version = version;
        Length = length;
        UpperOffset = upper;
        Protocol = protocol;
        IsFragment = isFragment;
        IsLaterFragment = isLaterFragment;
    }

    public byte Version { get; }

    /// <summary>Bytes of the packet, by its own statement.</summary>
    public int Length { get; }

    /// <summary>Where the upper-layer header begins, or the payload of a later fragment.</summary>
    public int UpperOffset { get; }

    public byte Protocol { get; }

    public bool IsFragment { get; }

    public bool IsLaterFragment { get; }

    public bool HasPorts => Protocol is Tcp or Udp && !IsLaterFragment && Length - UpperOffset >= 4;

    /// <summary>The two addresses, one behind the other.</summary>
    public ReadOnlySpan<byte> Addresses(ReadOnlySpan<byte> packet) => Version == 4 ? packet.Slice(12, 8) : packet.Slice(8, 32);

    /// <summary>A TCP segment that opens a connection: SYN without ACK.</summary>
    public bool IsOpening(ReadOnlySpan<byte> packet) =>
        Protocol == Tcp && !IsLaterFragment && Length - UpperOffset >= 20 && (packet[UpperOffset + 13] & 0x12) == 0x02;

    /// <summary>Whether it goes to a multicast or broadcast address.</summary>
    public bool IsToMany(ReadOnlySpan<byte> packet) => Version == 4 ? packet[16] is (>= 224 and < 240) or 255 : packet[24] == 0xFF;

    public static bool TryParse(ReadOnlySpan<byte> packet, out InnerView view)
    {
        view = default;
        if (packet.Length < 20)
            return false;
        return (packet[0] >> 4) switch
        {
            4 => TryParseIpv4(packet, out view),
            6 => TryParseIpv6(packet, out view),
            _ => false,
        };
    }

    private static bool TryParseIpv4(ReadOnlySpan<byte> packet, out InnerView view)
    {
        view = default;
        int header = 4 * (packet[0] & 15);
        int length = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (header < 20 || header > length || length > packet.Length)
            return false;
        bool isLater = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1FFF) != 0;
        view = new InnerView(4, length, header, packet[9], isLater || (packet[6] & 0x20) != 0, isLater);
        return true;
    }

    private static bool TryParseIpv6(ReadOnlySpan<byte> packet, out InnerView view)
    {
        view = default;
        if (packet.Length < 40)
            return false;
        int length = 40 + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (length > packet.Length)
            return false;
        byte next = packet[6];
        int at = 40;
        bool isFragment = false, isLater = false;
        while (next is 0 or 43 or 44 or 51 or 60 && !isLater)
        {
            if (at + 8 > length)
                return false;
            int size = next switch { 44 => 8, 51 => 8 + 4 * packet[at + 1], _ => 8 + 8 * packet[at + 1] };
            if (next == 44)
            {
                int fragment = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]);
                isLater = fragment >> 3 != 0;
                isFragment = isLater || (fragment & 1) != 0;
            }

            next = packet[at];
            at += size;
        }

        if (at > length)
            return false;
        view = new InnerView(6, length, at, next, isFragment, isLater);
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
