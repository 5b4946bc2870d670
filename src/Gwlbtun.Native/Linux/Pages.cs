using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Memory straight from the kernel (<c>mmap(2)</c>): page-aligned, zeroed, resident only where touched, and gone from the process when it is given
/// back, which memory from the C library's heap need not be.
/// </summary>
internal static unsafe partial class Pages
{
    /// <summary>Bytes of a huge page where pages are 4 KiB (arm64 can also have others: then there are no huge pages, and nothing else changes).</summary>
    public const int HugePage = 2 * 1024 * 1024;

    private const int ProtRead = 1;
    private const int ProtWrite = 2;
    private const int MapPrivate = 2;
    private const int MapAnonymous = 0x20;
    private const int AdviseHugePage = 14;

    private static readonly int _pageSize = Environment.SystemPageSize;

    /// <exception cref="LinuxException">There is no memory.</exception>
    public static byte* Map(nuint bytes)
    {
        var address = mmap(null, bytes, ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
        return (nint)address == -1 ? throw new LinuxException($"map {bytes} bytes of memory", LinuxError.Last) : (byte*)address;
    }

    /// <summary>
    /// Maps <see cref="HugePage"/> bytes so that the kernel can back them with one huge page, and touches them. It may take its time to find
    /// one: not for a thread that packets wait for.
    /// </summary>
    /// <exception cref="LinuxException">There is no memory.</exception>
    public static byte* MapHuge()
    {
        // Twice as much holds an aligned one wherever it lies; what is around it goes back.
        var map = Map(2 * HugePage);
        var huge = (byte*)(((nuint)map + HugePage - 1) & ~(nuint)(HugePage - 1));
        if (huge > map)
            Unmap(map, (nuint)(huge - map));
        Unmap(huge + HugePage, (nuint)(map + HugePage - huge));
        _ = madvise(huge, HugePage, AdviseHugePage);
        Touch(huge, HugePage);
        return huge;
    }

    /// <summary>Makes memory resident, whatever stands in it and whoever uses it meanwhile.</summary>
    public static void Touch(byte* address, nuint bytes)
    {
        for (nuint offset = 0; offset < bytes; offset += (nuint)_pageSize)
            Interlocked.Or(ref *(int*)(address + offset), 0);
        if (bytes >= sizeof(int))
            Interlocked.Or(ref *(int*)((nuint)(address + bytes - sizeof(int)) & ~(nuint)(sizeof(int) - 1)), 0);
    }

    public static void Unmap(byte* address, nuint bytes) => _ = munmap(address, bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int madvise(void* address, nuint length, int advice);
}
