using System.Buffers.Binary;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>IPv4 options, others for each flow, such as a router passes on unchanged: header lengths of 6 to 15 words.</summary>
internal static class Ipv4Options
{
    private const byte EndOfOptions = 0;
    private const byte NoOperation = 1;
    private const byte RecordRoute = 7;
    private const byte Timestamp = 68;
    private const byte RouterAlert = 148;

    /// <summary>Timestamps of these routers only: none of them forwards the packet.</summary>
    private const byte Prespecified = 3;

    private const uint OtherRouter = 0xC612_0001; // 198.18.0.1

    /// <summary>Bytes of a flow's options, a multiple of 4.</summary>
    public static int LengthOf(int flow) => 4 + 4 * (flow % 10);

    public static void Write(Span<byte> options, int flow)
    {
        options = options[..LengthOf(flow)];
        options.Fill(NoOperation);
        switch (flow / 10 % 5)
        {
            case 1:
                BinaryPrimitives.WriteUInt32BigEndian(options, (uint)RouterAlert << 24 | 4 << 16);
                break;
            case 2:
                // A record of the route (RFC 791 section 3.1) that is full: the pointer is behind its end.
                (options[0], options[1], options[2], options[^1]) = (RecordRoute, (byte)(options.Length - 1), (byte)options.Length, EndOfOptions);
                for (int at = 3; at + 4 < options.Length; at += 4)
                    BinaryPrimitives.WriteUInt32BigEndian(options[at..], OtherRouter);
                break;
            case 3 when options.Length >= 12:
                int routers = (options.Length - 4) / 8;
                (options[0], options[1], options[2], options[3]) = (Timestamp, (byte)(4 + 8 * routers), 5, Prespecified);
                for (int at = 4; at < 4 + 8 * routers; at += 8)
                    BinaryPrimitives.WriteUInt64BigEndian(options[at..], (ulong)OtherRouter << 32);
                break;
            case 4:
                options[1..].Clear(); // the end of options, and padding
                break;
        }
    }
}
