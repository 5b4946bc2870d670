using System.Buffers.Binary;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>IPv6 extension headers, another chain of 1 to 8 for each flow, in the order that RFC 8200 section 4.1 recommends.</summary>
internal static class ExtensionChain
{
    /// <summary>Bytes of the longest chain.</summary>
    public const int MaximumLength = 16 + 16 + 24 + 8 + 24 + 3 * 16;

    private const int Chains = 255; // one for each set of the 8 headers below but the empty one
    private const int Ipv6Length = 40;
    private const int Ipv6NextHeader = 6;
    private const int AtomicLength = 8;
    private const byte PadN = 1;
    private const byte Experimental = 0x1E; // RFC 4727: to be skipped by who does not know it

    /// <summary>Place of the fragment header: what stands before it is repeated in each fragment.</summary>
    private const int FragmentPlace = 3;

    private const int RoutingPlace = 2;

    private static readonly byte[] _headers =
    [
        IpProtocol.HopByHop, IpProtocol.DestinationOptions, IpProtocol.Routing, IpProtocol.Fragment,
        IpProtocol.AuthenticationHeader, IpProtocol.DestinationOptions, IpProtocol.DestinationOptions, IpProtocol.DestinationOptions,
    ];

    /// <summary>Writes the chain behind the IPv6 header, or none.</summary>
    /// <param name="packet">The packet from its IPv6 header on.</param>
    /// <param name="flow">Whose chain; null is none.</param>
    /// <param name="protocol">The upper-layer protocol.</param>
    /// <param name="id">Identification in an atomic fragment header (RFC 6946).</param>
    /// <param name="datagram">Gets the offsets; says whether it is to be fragmented, and the chain's own fragment header must make room.</param>
    public static void Write(Span<byte> packet, int? flow, byte protocol, uint id, ref Datagram datagram)
    {
        (datagram.FixedLength, datagram.NextHeaderAt) = (Ipv6Length, Ipv6NextHeader);
        int at = Ipv6Length, nextAt = Ipv6NextHeader;
        uint set = flow is { } number ? 1 + (uint)number * 37 % Chains : 0;
        bool isRouted = (set >> RoutingPlace & 1) != 0;
        for (int place = 0; place < _headers.Length; place++)
        {
            if ((set >> place & 1) == 0 || (place == FragmentPlace && datagram.IsToFragment))
                continue;
            packet[nextAt] = _headers[place];
            if (place == FragmentPlace)
                (datagram.AtomicAt, datagram.AtomicNextHeaderAt) = (at, nextAt);
            nextAt = at;
            at += WriteHeader(packet[at..], _headers[place], isLong: (flow & 1) != 0, id);
            // Destination options are for every router named in a routing header; without one they are the destination's, as the later ones.
            if (place < FragmentPlace && (isRouted || place == 0))
                (datagram.FixedLength, datagram.NextHeaderAt) = (at, nextAt);
        }

        packet[nextAt] = protocol;
        datagram.UpperOffset = at;
    }

    /// <summary>Takes the atomic fragment header out, as who puts fragments together does.</summary>
    /// <param name="packet">The packet, which keeps its place.</param>
    /// <param name="datagram">How it is built.</param>
    /// <returns>Its length now.</returns>
    public static int RemoveAtomic(Span<byte> packet, in Datagram datagram)
    {
        packet[datagram.AtomicNextHeaderAt] = packet[datagram.AtomicAt];
        packet[(datagram.AtomicAt + AtomicLength)..datagram.Length].CopyTo(packet[datagram.AtomicAt..]);
        int length = datagram.Length - AtomicLength;
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(length - Ipv6Length));
        return length;
    }

    /// <summary>Lets the fragment header stand behind further extension headers, as Linux places it behind all destination options.</summary>
    /// <param name="packet">The packet, without a fragment header.</param>
    /// <param name="at">Where.</param>
    /// <param name="datagram">How it is built.</param>
    /// <returns>False when no header begins there.</returns>
    public static bool TryMoveCut(ReadOnlySpan<byte> packet, int at, ref Datagram datagram)
    {
        (int header, int nextAt) = (Ipv6Length, Ipv6NextHeader);
        while (header < at && header < datagram.UpperOffset)
        {
            int length = packet[nextAt] == IpProtocol.AuthenticationHeader ? 8 + 4 * packet[header + 1] : 8 + 8 * packet[header + 1];
            (nextAt, header) = (header, header + length);
        }

        (datagram.FixedLength, datagram.NextHeaderAt) = (header, nextAt);
        return header == at;
    }

    private static int WriteHeader(Span<byte> header, byte type, bool isLong, uint id)
    {
        int length = type switch
        {
            IpProtocol.Fragment => AtomicLength,
            IpProtocol.AuthenticationHeader or IpProtocol.Routing => 24,
            _ => isLong ? 16 : 8,
        };
        header = header[..length];
        header.Clear();
        switch (type)
        {
            case IpProtocol.Fragment:
                BinaryPrimitives.WriteUInt32BigEndian(header[4..], id);
                break;
            case IpProtocol.AuthenticationHeader:
                header[1] = (byte)(length / 4 - 2);
                BinaryPrimitives.WriteUInt32BigEndian(header[4..], 0x100); // the security association's, SPI
                BinaryPrimitives.WriteUInt32BigEndian(header[8..], id);
                header[12..].Fill(0xA5);
                break;
            case IpProtocol.Routing: // type 0, one address, no segments left
                header[1] = (byte)(length / 8 - 1);
                header[8..].Fill(0xFD);
                break;
            default:
                header[1] = (byte)(length / 8 - 1);
                (header[2], header[3]) = (isLong ? Experimental : PadN, (byte)(length - 4));
                break;
        }

        return length;
    }
}
