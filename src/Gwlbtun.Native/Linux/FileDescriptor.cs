using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>Reads, writes and closes on bare file descriptors (<c>read(2)</c>, <c>write(2)</c>, <c>close(2)</c>).</summary>
internal static unsafe partial class FileDescriptor
{
    /// <summary>One <c>read</c>, retried when a signal interrupts it.</summary>
    public static SysResult Read(int fd, byte* buffer, int length)
    {
        while (true)
        {
            var result = SysResult.From(read(fd, buffer, (nuint)length));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    /// <summary>One <c>write</c>, retried when a signal interrupts it.</summary>
    public static SysResult Write(int fd, byte* buffer, int length)
    {
        while (true)
        {
            var result = SysResult.From(write(fd, buffer, (nuint)length));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    /// <summary>One <c>writev</c>, retried when a signal interrupts it.</summary>
    public static SysResult Write(int fd, IoVector* pieces, int count)
    {
        while (true)
        {
            var result = SysResult.From(writev(fd, pieces, count));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    /// <summary>Closes it. Never retried: on Linux the descriptor is gone even when <c>close</c> reports EINTR.</summary>
    public static void Close(int fd) => _ = close(fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint writev(int fd, IoVector* pieces, int count);

    [LibraryImport("libc")]
    private static partial int close(int fd);
}
