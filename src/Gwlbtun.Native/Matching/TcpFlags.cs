using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Matching;

/// <summary>What the flags of a TCP segment (RFC 9293 section 3.1) mean for its flow.</summary>
internal static class TcpFlags
{
    private const int Offset = 13;
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Rst = 4;

    /// <summary>The signal of a TCP packet; none when its flags are not there, as in all fragments but the first.</summary>
    public static TcpSignal SignalOf(ReadOnlySpan<byte> packet, in InnerPacket inner)
    {
        int at = inner.TransportOffset + Offset;
        if (inner.TransportOffset == 0 || at >= inner.Length)
            return TcpSignal.None;
        return (packet[at] & (Fin | Syn | Rst)) switch
        {
            0 => TcpSignal.None,
            Syn => TcpSignal.Opens,
            _ => TcpSignal.Closes,
        };
    }
}
