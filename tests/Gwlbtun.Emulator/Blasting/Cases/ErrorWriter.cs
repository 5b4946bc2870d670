using System.Buffers.Binary;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>
/// ICMP errors that come in through the load balancer: of every type, about packets that were just sent and about flows that nobody knows,
/// with quotes from the least that identifies a flow to the most that is sent, of fragments too.
/// </summary>
internal sealed class ErrorWriter(CaseOptions cases, CasePlan plan, CaseWriter writer)
{
    /// <summary>The flow label carries as much of an IPv6 error's place in its stream.</summary>
    public const uint FlowLabelMask = 0xF_FFFF;

    private const int HeaderLength = 8;
    private const int MaximumIpv4 = 576; // RFC 1812 section 4.3.2.3
    private const int MaximumIpv6 = 1280; // RFC 4443 section 2.4(c)

    // Type, code, and the second word: a next-hop MTU, a pointer, or a gateway's address.
    private static readonly (byte Type, byte Code, uint Word)[] _ipv4 =
    [
        (3, 1, 0), (3, 4, 1400), (11, 0, 0), (3, 13, 0), (12, 0, 9u << 24), (5, 1, 0xC612_0001), (4, 0, 0), (3, 3, 0),
    ];

    private static readonly (byte Type, byte Code, uint Word)[] _ipv6 = [(1, 0, 0), (2, 0, 1280), (3, 0, 0), (4, 0, 6), (1, 4, 0)];

    // Bytes of the quoted packet behind its IP headers.
    private static readonly int[] _quotes = [4, 8, 64, 65_536];

    private readonly byte[] _quoted = new byte[65_536];
    private readonly byte[] _fragment = new byte[65_536];

    /// <summary>Writes the error with this number.</summary>
    /// <returns>Its length.</returns>
    public int Write(Span<byte> destination, long number)
    {
        int stream = plan.StreamOf(number);
        long sequence = plan.SequenceOf(number);
        bool isIpv6 = plan.IsIpv6(stream);
        // What varies goes round with periods of its own, so that everything meets everything, and begins elsewhere for each flow.
        long round = sequence / 8 + plan.ConversationOf(stream);
        (byte type, byte code, uint word) = isIpv6 ? _ipv6[round % _ipv6.Length] : _ipv4[round % _ipv4.Length];
        int header = (isIpv6 ? 40 : 20) + HeaderLength;
        ReadOnlySpan<byte> quote = Quote(plan.NumberOf(stream, sequence - 1), isLater: round / 3 % 2 != 0, isKnown: round / 5 % 2 == 0, _quotes[round / 7 % _quotes.Length]);
        quote = quote[..Math.Min(quote.Length, (isIpv6 ? MaximumIpv6 : MaximumIpv4) - header)];

        Span<byte> packet = destination[..(header + quote.Length)];
        Span<byte> error = packet[(header - HeaderLength)..];
        (error[0], error[1]) = (type, code);
        BinaryPrimitives.WriteUInt32BigEndian(error[4..], word);
        quote.CopyTo(packet[header..]);
        writer.WriteErrorHeaders(packet, number);
        return packet.Length;
    }

    private Span<byte> Quote(long number, bool isLater, bool isKnown, int behindHeaders)
    {
        Datagram datagram = writer.Write(_quoted, number);
        Span<byte> packet = _quoted.AsSpan(0, datagram.Length);
        bool isIpv6 = packet[0] >> 4 == 6;
        int headers = datagram.UpperOffset;
        if (datagram.IsToFragment)
        {
            int capacity = Fragmenter.CapacityOf(cases.FragmentSize!.Value, datagram, isIpv6);
            int offset = isLater ? capacity : 0;
            int count = Math.Min(capacity, datagram.FragmentableLength - offset);
            uint id = CaseWriter.IdOf(plan.SequenceOf(number), isIpv6);
            packet = _fragment.AsSpan(0, Fragmenter.Write(_fragment, packet, datagram, offset, count, id));
            headers = isLater ? Fragmenter.HeaderLength(datagram, isIpv6) : headers + (isIpv6 ? 8 : 0);
        }

        if (!isKnown)
            ChangeAddress(isIpv6 ? packet.Slice(24, 16) : packet.Slice(16, 4));
        if (!isIpv6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], InternetChecksum.Compute(packet[..(4 * (packet[0] & 15))]));
        }

        return packet[..Math.Min(packet.Length, headers + behindHeaders)];
    }

    // To one that no flow of this source has. One word grows by what another one shrinks: checksums over both stay right.
    private static void ChangeAddress(Span<byte> address)
    {
        Span<byte> last = address[^2..];
        int step = last[1] % 2 == 0 ? 1 : -1;
        BinaryPrimitives.WriteUInt16BigEndian(last, (ushort)(BinaryPrimitives.ReadUInt16BigEndian(last) + step));
        BinaryPrimitives.WriteUInt16BigEndian(address, (ushort)(BinaryPrimitives.ReadUInt16BigEndian(address) - step));
    }
}
