namespace Gwlbtun.Native.Wire;

/// <summary>Where things stand in a TCP header (RFC 9293 section 3.1).</summary>
internal static class TcpFormat
{
    public const int MinimumLength = 20;
    public const int SequenceOffset = 4;
    public const int AcknowledgementOffset = 8;

    /// <summary>The header's length in units of 4 bytes, in the upper 4 bits.</summary>
    public const int DataOffset = 12;

    public const int FlagsOffset = 13;
    public const int WindowOffset = 14;
    public const int ChecksumOffset = 16;

    public const byte Fin = 0x01;
    public const byte Syn = 0x02;
    public const byte Rst = 0x04;
    public const byte Psh = 0x08;
    public const byte Ack = 0x10;
    public const byte Cwr = 0x80;

    /// <summary>Bytes of the header that begins here, as it states.</summary>
    public static int HeaderLength(ReadOnlySpan<byte> header) => (header[DataOffset] >> 4) * 4;
}
