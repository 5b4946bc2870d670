using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary><c>poll(2)</c> on one descriptor.</summary>
internal static unsafe partial class Poll
{
    /// <summary>Waits until the descriptor takes more, at most so many milliseconds. An error alone (POLLERR, for a message in the error queue) is no room.</summary>
    public static bool WaitWritable(int fd, int timeoutMs) => Wait(fd, PollFd.Out, timeoutMs);

    /// <summary>Waits until there is something to read, at most so many milliseconds.</summary>
    public static bool WaitReadable(int fd, int timeoutMs) => Wait(fd, PollFd.In, timeoutMs);

    /// <summary>Waits for so many milliseconds, or until a signal comes. Walks no managed code that allocates, as <see cref="Thread.Sleep(int)"/> may.</summary>
    public static void Sleep(int milliseconds) => Wait(-1, 0, milliseconds);

    private static bool Wait(int fd, short events, int timeoutMs)
    {
        var interest = new PollFd { Fd = fd, Events = events };
        var ready = SysResult.From(poll(&interest, 1, timeoutMs));
        return !ready.IsError && (interest.Returned & events) != 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollFd* interests, nuint count, int timeoutMs);
}

/// <summary><c>struct pollfd</c> (poll.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollFd
{
    public const short In = 1; // POLLIN
    public const short Out = 4; // POLLOUT

    public int Fd;
    public short Events;
    public short Returned;
}
