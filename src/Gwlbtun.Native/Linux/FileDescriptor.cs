using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>Reads, writes and closes on bare file descriptors (<c>read(2)</c>, <c>write(2)</c>, <c>close(2)</c>).</summary>
/// <remarks>
/// By <c>syscall(2)</c>: the C library's own functions are points at which a thread may be cancelled, and prepare for it with two atomic operations each.
/// That is 2 % of what a packet costs that nothing merges with.
/// </remarks>
internal static unsafe partial class FileDescriptor
{
    // Numbers of the system calls on x86-64, and on arm64 and all later architectures.
    private static readonly bool _isX64 = RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private static readonly nint _read = _isX64 ? 0 : 63;
    private static readonly nint _write = _isX64 ? 1 : 64;
    private static readonly nint _writeVector = _isX64 ? 20 : 66;

    /// <summary>One <c>read</c>, retried when a signal interrupts it.</summary>
    public static SysResult Read(int fd, byte* buffer, int length)
    {
        while (true)
        {
            var result = SysResult.From(SystemCall(_read, fd, buffer, (nuint)length));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    /// <summary>One <c>write</c>, retried when a signal interrupts it.</summary>
    public static SysResult Write(int fd, byte* buffer, int length)
    {
        while (true)
        {
            var result = SysResult.From(SystemCall(_write, fd, buffer, (nuint)length));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    /// <summary>One <c>writev</c>, retried when a signal interrupts it.</summary>
    public static SysResult Write(int fd, IoVector* pieces, int count)
    {
        while (true)
        {
            var result = SysResult.From(SystemCall(_writeVector, fd, pieces, (nuint)count));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    /// <summary>Closes it. Never retried: on Linux the descriptor is gone even when <c>close</c> reports EINTR.</summary>
    public static void Close(int fd) => _ = close(fd);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint fd, void* data, nuint count);

    [LibraryImport("libc")]
    private static partial int close(int fd);
}
