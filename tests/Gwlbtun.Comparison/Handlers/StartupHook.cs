using System.Diagnostics;

/// <summary>
/// What the .NET runtime of a handler calls before its own program, because DOTNET_STARTUP_HOOKS names this assembly: has it collect its whole heap (every generation, all threads
/// stopped) once a second. The runtime looks for this name, outside any namespace: https://github.com/dotnet/runtime/blob/main/docs/design/features/host-startup-hook.md
/// </summary>
internal static class StartupHook
{
    /// <summary>The environment variable that names a file, which grows by a byte with each collection.</summary>
    public const string CountVariable = "COMPARE_COLLECTIONS";

    // A little less than a second: a run of one second has one for certain.
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(900);

    public static void Initialize()
    {
        string? file = Environment.GetEnvironmentVariable(CountVariable);
        if (file is null)
            return;
        Thread collecting = new(() => CollectForEver(file)) { IsBackground = true, Name = "collections" };
        collecting.Start();
    }

    private static void CollectForEver(string file)
    {
        // By the clock, so that how long a collection takes does not add up; none is made up for.
        for (long next = Stopwatch.GetTimestamp(); ; next = Math.Max(next + (long)(_interval.TotalSeconds * Stopwatch.Frequency), Stopwatch.GetTimestamp()))
        {
            TimeSpan left = TimeSpan.FromSeconds((double)(next - Stopwatch.GetTimestamp()) / Stopwatch.Frequency);
            Thread.Sleep(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            GC.Collect();
            File.AppendAllText(file, ".");
        }
    }
}
