using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Comparison.Measuring;

/// <summary>CPU time of a process, to the nanosecond.</summary>
internal static unsafe partial class ProcessorClock
{
    /// <summary>What a process's threads have had so far, dead ones included.</summary>
    /// <exception cref="LinuxException">There is no such process.</exception>
    public static TimeSpan OfProcess(int id)
    {
        // The clock of another process, as clock_getcpuclockid(3) makes it: CPUCLOCK_SCHED of posix-timers.h.
        int clock = ~id << 3 | 2;
        TimeSpec time;
        SysResult.From(clock_gettime(clock, &time)).OrThrow($"read the CPU time of process {id}");
        return TimeSpan.FromTicks(time.Seconds * TimeSpan.TicksPerSecond + time.Nanoseconds / TimeSpan.NanosecondsPerTick);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clock_gettime(int clock, TimeSpec* time);

    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
