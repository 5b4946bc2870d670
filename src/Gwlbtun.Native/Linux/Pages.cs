using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Memory straight from the kernel (<c>mmap(2)</c>): page-aligned, zeroed, resident only where touched, and gone from the process when it is given
/// back, which memory from the C library's heap need not be.
/// </summary>
internal static unsafe partial class Pages
{
    private const int ProtRead = 1;
    private const int ProtWrite = 2;
    private const int MapPrivate = 2;
    private const int MapAnonymous = 0x20;

    /// <exception cref="LinuxException">There is no memory.</exception>
    public static byte* Map(nuint bytes)
    {
        var address = mmap(null, bytes, ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
        return (nint)address == -1 ? throw new LinuxException($"map {bytes} bytes of memory", LinuxError.Last) : (byte*)address;
    }

    public static void Unmap(byte* address, nuint bytes) => _ = munmap(address, bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);
}
