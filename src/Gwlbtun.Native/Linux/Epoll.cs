using System.Runtime.InteropServices;
using Tmds.Linux;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// An epoll instance (<c>epoll(7)</c>), level-triggered. One thread waits; any thread may add and remove.
/// </summary>
internal sealed unsafe partial class Epoll : IDisposable
{
    private readonly epoll_event* _events;
    private readonly int _capacity;
    private int _fd;

    /// <param name="capacity">Events that one <see cref="Wait"/> can return.</param>
    public Epoll(int capacity)
    {
        _capacity = capacity;
        _fd = SysResult.From(epoll_create1(LibC.EPOLL_CLOEXEC)).OrThrow("create an epoll instance");
        _events = (epoll_event*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(epoll_event));
    }

    public int Handle => _fd;

    /// <summary>Watches a descriptor for input; <paramref name="token"/> comes back in <see cref="Token"/>.</summary>
    public SysResult Add(int fd, ulong token)
    {
        epoll_event interest = default;
        interest.events = LibC.EPOLLIN;
        interest.data.u64 = token;
        return SysResult.From(epoll_ctl(_fd, LibC.EPOLL_CTL_ADD, fd, &interest));
    }

    /// <summary>Stops watching a descriptor. Harmless when it is not watched.</summary>
    public void Remove(int fd)
    {
        epoll_event unused = default;
        _ = epoll_ctl(_fd, LibC.EPOLL_CTL_DEL, fd, &unused);
    }

    /// <summary>Waits until something is ready. Retried when a signal interrupts it.</summary>
    /// <param name="timeoutMs">Milliseconds; -1 waits without end, 0 only looks.</param>
    /// <returns>How many events are ready.</returns>
    public SysResult Wait(int timeoutMs)
    {
        while (true)
        {
            var result = SysResult.From(epoll_wait(_fd, _events, _capacity, timeoutMs));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    /// <summary>The token of event <paramref name="index"/> of the last <see cref="Wait"/>.</summary>
    public ulong Token(int index) => _events[index].data.u64;

    /// <summary>Whether event <paramref name="index"/> of the last <see cref="Wait"/> tells of a failure (EPOLLERR, EPOLLHUP) and not of input.</summary>
    public bool HasFailed(int index) => (_events[index].events & (LibC.EPOLLERR | LibC.EPOLLHUP | LibC.EPOLLIN)) is var e && (e & LibC.EPOLLIN) == 0 && e != 0;

    public void Dispose()
    {
        var fd = Interlocked.Exchange(ref _fd, -1);
        if (fd < 0)
            return;
        FileDescriptor.Close(fd);
        NativeMemory.Free(_events);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epfd, int op, int fd, epoll_event* interest);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epfd, epoll_event* events, int maxEvents, int timeoutMs);
}
