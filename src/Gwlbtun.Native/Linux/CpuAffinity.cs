using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>Which cores a thread may run on (<c>sched_setaffinity(2)</c>).</summary>
public static unsafe partial class CpuAffinity
{
    // 8,192 cores: the largest NR_CPUS that the kernel builds with.
    private const int MaskBytes = 1024;

    /// <summary>The cores that this process may run on, ascending.</summary>
    public static IReadOnlyList<int> Allowed()
    {
        var mask = stackalloc byte[MaskBytes];
        new Span<byte>(mask, MaskBytes).Clear();
        SysResult.From(sched_getaffinity(0, MaskBytes, mask)).OrThrow("read the CPU affinity of this process");
        var cores = new List<int>();
        for (var core = 0; core < MaskBytes * 8; core++)
        {
            if ((mask[core >> 3] & (1 << (core & 7))) != 0)
                cores.Add(core);
        }

        return cores;
    }

    /// <summary>Pins the calling thread to one core.</summary>
    /// <exception cref="LinuxException">The core does not exist or is not allowed.</exception>
    public static void PinCurrentThread(int core)
    {
        var mask = stackalloc byte[MaskBytes];
        new Span<byte>(mask, MaskBytes).Clear();
        mask[core >> 3] |= (byte)(1 << (core & 7));
        SysResult.From(sched_setaffinity(0, MaskBytes, mask))
            .OrThrow($"pin a thread to core {core}", "Check the affinity option against the cores that this process may use.");
    }

    /// <summary>The kernel's ID of the calling thread, as in <c>/proc/PID/task</c>.</summary>
    public static int CurrentThreadId() => gettid();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_getaffinity(int pid, nuint size, byte* mask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setaffinity(int pid, nuint size, byte* mask);

    [LibraryImport("libc")]
    private static partial int gettid();
}
