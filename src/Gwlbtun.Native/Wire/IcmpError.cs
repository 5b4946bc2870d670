namespace Gwlbtun.Native.Wire;

/// <summary>
/// ICMP errors (RFC 792; RFC 4443 section 3): each quotes the packet that it is about, as much of it as its sender saw fit. What it is about, and
/// with it the flow that it belongs to, only the quote says.
/// </summary>
public static class IcmpError
{
    // RFC 792: type, code, checksum, four bytes that depend on the type. RFC 4443 section 2.1 likewise.
    private const int HeaderLength = 8;

    // IANA "ICMP Type Numbers".
    private const byte DestinationUnreachable = 3;
    private const byte SourceQuench = 4;
    private const byte Redirect = 5;
    private const byte TimeExceeded = 11;
    private const byte ParameterProblem = 12;

    // IANA "ICMPv6 type Numbers": 1 to 4 are unreachable, packet too big, time exceeded, parameter problem.
    private const byte FirstV6 = 1;
    private const byte LastV6 = 4;

    /// <summary>Whether a packet is an ICMP error, and what it quotes.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="inner">What <see cref="InnerPacket.TryParse"/> said of it.</param>
    /// <param name="quote">The quoted packet from its IP header on, up to the end of the error; perhaps cut short, perhaps empty.</param>
    public static bool TryReadQuote(ReadOnlySpan<byte> packet, in InnerPacket inner, out ReadOnlySpan<byte> quote)
    {
        quote = default;
        int at = inner.TransportOffset;
        if (at == 0 || inner.Length - at < HeaderLength || !IsError(inner.Version, inner.Protocol, packet[at]))
            return false;
        quote = packet[(at + HeaderLength)..inner.Length];
        return true;
    }

    private static bool IsError(byte version, byte protocol, byte type) => (version, protocol) switch
    {
        (4, IpProtocol.Icmp) => type is DestinationUnreachable or SourceQuench or Redirect or TimeExceeded or ParameterProblem,
        (6, IpProtocol.IcmpV6) => type is >= FirstV6 and <= LastV6,
        _ => false,
    };
}
