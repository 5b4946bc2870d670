using System.Runtime.InteropServices;
using Tmds.Linux;

namespace Gwlbtun.Native.Linux;

/// <summary>A wake-up for a thread that waits in epoll (<c>eventfd(2)</c>). Any thread signals, the owner drains.</summary>
internal sealed unsafe partial class EventFd : IDisposable
{
    private int _fd;

    public EventFd() => _fd = SysResult.From(eventfd(0, LibC.EFD_CLOEXEC | LibC.EFD_NONBLOCK)).OrThrow("create an eventfd");

    public int Handle => _fd;

    public void Signal()
    {
        ulong one = 1;
        // EAGAIN means that the counter is full: the owner is signalled already.
        _ = FileDescriptor.Write(_fd, (byte*)&one, sizeof(ulong));
    }

    public void Drain()
    {
        ulong value;
        _ = FileDescriptor.Read(_fd, (byte*)&value, sizeof(ulong));
    }

    public void Dispose()
    {
        var fd = Interlocked.Exchange(ref _fd, -1);
        if (fd >= 0)
            FileDescriptor.Close(fd);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);
}
