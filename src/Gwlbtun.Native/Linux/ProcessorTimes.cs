using System.Globalization;

namespace Gwlbtun.Native.Linux;

/// <summary>How long cores have run, and how much of that they were idle: the kernel's count (<c>/proc/stat</c>, proc_stat(5)), in its own ticks.</summary>
/// <param name="Idle">Ticks without work.</param>
/// <param name="Total">All ticks.</param>
public readonly record struct ProcessorTimes(long Idle, long Total)
{
    private const int UserTicks = 1;
    private const int IdleTicks = 4;
    private const int WaitTicks = 5;
    private const int StolenTicks = 8;

    /// <summary>Reads them for some cores together.</summary>
    public static ProcessorTimes Read(IReadOnlyCollection<int> cores)
    {
        long idle = 0, total = 0;
        foreach (var line in File.ReadLines("/proc/stat"))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length <= StolenTicks || !fields[0].StartsWith("cpu", StringComparison.Ordinal) || !int.TryParse(fields[0].AsSpan(3), CultureInfo.InvariantCulture, out var core) || !cores.Contains(core))
                continue;
            for (var i = UserTicks; i <= StolenTicks; i++)
            {
                var ticks = long.Parse(fields[i], CultureInfo.InvariantCulture);
                total += ticks;
                idle += i is IdleTicks or WaitTicks ? ticks : 0;
            }
        }

        return new(idle, total);
    }

    /// <summary>The part of the time since an earlier reading in which the cores were idle, 0 to 1; 0 when no time has passed.</summary>
    public double IdleShareSince(ProcessorTimes earlier) => Total > earlier.Total ? (double)(Idle - earlier.Idle) / (Total - earlier.Total) : 0;
}
