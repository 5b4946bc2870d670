using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>Before whom a thread gets a core (<c>setpriority(2)</c>).</summary>
internal static unsafe partial class NiceValue
{
    private const int PrioProcess = 0;
    private const int SchedOther = 0;
    private const int SchedResetOnFork = 0x4000_0000;

    /// <summary>The calling thread's nice value.</summary>
    public static int Get() => getpriority(PrioProcess, 0);

    /// <summary>Sets the calling thread's nice value, and its policy to the usual one. Threads and processes that it starts do not inherit a negative one (<c>sched(7)</c>).</summary>
    /// <param name="nice">-20, the first to run, to 19.</param>
    /// <returns>EACCES for less than before without CAP_SYS_NICE.</returns>
    public static SysResult Set(int nice)
    {
        var parameters = 0;
        var inheritance = SysResult.From(sched_setscheduler(0, SchedOther | SchedResetOnFork, &parameters));
        return inheritance.IsError ? inheritance : Change(nice);
    }

    /// <summary>Changes a nice value that <see cref="Set"/> has set before.</summary>
    /// <returns>As of <see cref="Set"/>.</returns>
    public static SysResult Change(int nice) => SysResult.From(setpriority(PrioProcess, 0, nice));

    [LibraryImport("libc")]
    private static partial int getpriority(int which, int who);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setpriority(int which, int who, int priority);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setscheduler(int pid, int policy, int* parameters);
}
