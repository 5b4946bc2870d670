using System.Globalization;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Comparison.Measuring;

/// <summary>CPU time: of a process, to the nanosecond, and of the machine, to the tick of 10 ms.</summary>
internal static unsafe partial class ProcessorClock
{
    private const long TicksPerSecond = 100; // USER_HZ, the same on every Linux

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

    /// <summary>What all processors have been busy with so far.</summary>
    public static TimeSpan OfMachine() => ParseMachine(File.ReadLines("/proc/stat").First());

    /// <summary>Reads the first line of /proc/stat (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq.</summary>
    internal static TimeSpan ParseMachine(string line)
    {
        long[] fields = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(field => long.Parse(field, CultureInfo.InvariantCulture))];
        return TimeSpan.FromSeconds((fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / (double)TicksPerSecond);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int clock_gettime(int clock, TimeSpec* time);

    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
