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
    /// <param name="socket">Where it was sent.</param>
    /// <param name="errno">Why it was not.</param>
    /// <param name="mayRetry">Whether to ask again if it fails again: the send buffer empties. (It counts as having room when half of it is free; a slow link takes longer for that.)</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool ShouldRetry(int socket, int errno, out bool mayRetry)
    {
        SocketOption.DiscardErrors(socket);
        mayRetry = errno == LinuxError.EAGAIN && Poll.WaitWritable(socket, FullBufferWaitMs);
        return errno != LinuxError.EMSGSIZE;
    }
}
