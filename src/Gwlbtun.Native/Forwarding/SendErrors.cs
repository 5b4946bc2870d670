using System.Runtime.CompilerServices;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>What the kernel's reason for refusing a packet means.</summary>
internal static class SendErrors
{
    // A full send buffer empties within microseconds unless the link stands still: this long we wait for it, in milliseconds.
    private const int FullBufferWaitMs = 20;

    /// <summary>Whether there was no room, in the socket's buffer or the uplink's queue.</summary>
    public static bool IsForWantOfRoom(int errno) => errno is LinuxError.ENOBUFS or LinuxError.EAGAIN;

    /// <summary>Why a packet is lost then.</summary>
    public static DropReason ReasonOf(int errno) =>
        errno == LinuxError.EMSGSIZE ? DropReason.SendTooBig : IsForWantOfRoom(errno) ? DropReason.SendQueueFull : DropReason.SendFailed;

    /// <summary>
    /// Whether to send the same once more; waits for a full send buffer. An error may also be an older packet's (an ICMP message that came for it): then the same send now works.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool ShouldRetry(int socket, int errno)
    {
        SocketOption.DiscardErrors(socket);
        return errno switch
        {
            LinuxError.EMSGSIZE => false,
            LinuxError.EAGAIN => Poll.WaitWritable(socket, FullBufferWaitMs),
            _ => true,
        };
    }
}
