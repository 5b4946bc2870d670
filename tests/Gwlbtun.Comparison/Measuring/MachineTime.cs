using System.Globalization;

namespace Gwlbtun.Comparison.Measuring;

/// <summary>What all processors together have done so far, to the tick of 10 ms: the first line of <c>/proc/stat</c> (proc_stat(5)).</summary>
/// <param name="Busy">With work: user, nice, system, irq and softirq.</param>
/// <param name="Stolen">Waiting, with work, while the host of this virtual machine ran something else.</param>
/// <param name="Total">All time, idle too.</param>
internal readonly record struct MachineTime(TimeSpan Busy, TimeSpan Stolen, TimeSpan Total)
{
    private const int Fields = 8; // user nice system idle iowait irq softirq steal; what follows is in user and nice already

    private static readonly TimeSpan _tick = TimeSpan.FromMilliseconds(10); // USER_HZ, the same on every Linux

    public static MachineTime Read() => Parse(File.ReadLines("/proc/stat").First());

    internal static MachineTime Parse(string line)
    {
        long[] fields = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(Fields).Select(field => long.Parse(field, CultureInfo.InvariantCulture))];
        return new(Time(fields[0] + fields[1] + fields[2] + fields[5] + fields[6]), Time(fields[7]), Time(fields.Sum()));
    }

    public static MachineTime operator -(MachineTime later, MachineTime earlier) => new(later.Busy - earlier.Busy, later.Stolen - earlier.Stolen, later.Total - earlier.Total);

    private static TimeSpan Time(long ticks) => _tick * ticks;
}
