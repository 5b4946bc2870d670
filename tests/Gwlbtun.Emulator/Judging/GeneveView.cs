namespace Gwlbtun.Emulator.Judging;

/// <summary>
/// A returned Geneve header, read straight from RFC 8926 without the project's own parser: a fault that both shared would go unseen.
/// </summary>
internal readonly struct GeneveView
{
    private GeneveView(int length, int protocolType, ulong? endpoint, uint? cookie)
    {
        Length = length;
        ProtocolType = protocolType;
        Endpoint = endpoint;
        Cookie = cookie;
    }

    /// <summary>Bytes of the header with its options.</summary>
    public int Length { get; }

    public int ProtocolType { get; }

    /// <summary>Option class 0x0108, type 1.</summary>
    public ulong? Endpoint { get; }

    /// <summary>Option class 0x0108, type 3.</summary>
    public uint? Cookie { get; }

    public static bool TryParse(ReadOnlySpan<byte> datagram, out GeneveView view)
    {
        view = default;
        if (datagram.Length < 8 || (datagram[0] & 0xC0) != 0 || (datagram[1] & 0x80) != 0)
            return false;
        int end = 8 + 4 * (datagram[0] & 0x3F);
        if (end > datagram.Length)
            return false;

        ulong? endpoint = null;
        uint? cookie = null;
        ReadOnlySpan<byte> options = datagram[8..end];
        while (options.Length > 0)
        {
            if (options.Length < 4)
                return false;
            int length = 4 * (options[3] & 0x1F);
            if (4 + length > options.Length)
                return false;
            ReadOnlySpan<byte> value = options.Slice(4, length);
            switch (Number(options[..3]))
            {
                case 0x010801 when length == 8:
                    endpoint = Number(value);
                    break;
                case 0x010803 when length == 4:
                    cookie = (uint)Number(value);
                    break;
            }

            options = options[(4 + length)..];
        }

        view = new GeneveView(end, (int)Number(datagram.Slice(2, 2)), endpoint, cookie);
        return true;
    }

    private static ulong Number(ReadOnlySpan<byte> bytes)
    {
        ulong number = 0;
        foreach (byte value in bytes)
            number = number << 8 | value;
        return number;
    }
}
