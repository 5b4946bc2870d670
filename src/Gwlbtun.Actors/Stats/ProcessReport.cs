using System.Diagnostics;
using Gwlbtun.Actors.CommandLine;

namespace Gwlbtun.Actors.Stats;

/// <summary>The handler's own process.</summary>
/// <param name="Version">Its version, as <c>--version</c> prints it.</param>
/// <param name="ProcessId">Its process ID.</param>
/// <param name="UptimeSeconds">Seconds since it started.</param>
/// <param name="ResidentBytes">Its resident memory.</param>
public sealed record ProcessReport(string Version, int ProcessId, double UptimeSeconds, long ResidentBytes)
{
    // Taken once: the wall clock may be set while we run, the stopwatch may not.
    private static readonly long _reference = Stopwatch.GetTimestamp();
    private static readonly TimeSpan _uptimeAtReference = UptimeNow();

    /// <summary>Reads the current values.</summary>
    public static ProcessReport Current() => new(
        ProgramVersion.Number,
        Environment.ProcessId,
        (_uptimeAtReference + Stopwatch.GetElapsedTime(_reference)).TotalSeconds,
        Environment.WorkingSet);

    private static TimeSpan UptimeNow()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return DateTime.Now - process.StartTime;
    }
}
