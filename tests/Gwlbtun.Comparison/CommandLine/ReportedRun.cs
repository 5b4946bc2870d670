using Gwlbtun.Comparison.Reporting;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Comparison.CommandLine;

/// <summary>Measures, saves what there is however that ends, and says what it is worth.</summary>
internal static class ReportedRun
{
    /// <summary>The exit code when ours lost nothing and got nothing wrong.</summary>
    public const int Good = 0;

    /// <summary>The exit code when it did, or failed.</summary>
    public const int NotGood = 1;

    /// <summary>The exit code when nothing could be measured, or not all.</summary>
    public const int CannotRun = 2;

    /// <param name="report">What is measured goes there.</param>
    /// <param name="folder">Where to save it.</param>
    /// <param name="measure">Measures.</param>
    /// <param name="output">Where to say what it is worth.</param>
    /// <param name="errors">Where to say why it was broken off.</param>
    /// <returns>The exit code.</returns>
    public static int Run(BenchmarkReport report, string folder, Action measure, TextWriter output, TextWriter errors)
    {
        bool isWhole = Try(measure, errors);
        // An earlier report is worth more than one of nothing, unless that says why there is nothing.
        if (isWhole || report.Cases.Count > 0)
            isWhole &= Try(() => Save(report, folder, output), errors);
        foreach (string objection in report.Objections)
            output.WriteLine("NOT GOOD: " + objection);
        foreach (string missing in report.Unmeasured)
            output.WriteLine("NOT MEASURED: " + missing);
        return report.Objections.Any() ? NotGood : report.Unmeasured.Any() || !isWhole ? CannotRun : Good;
    }

    private static void Save(BenchmarkReport report, string folder, TextWriter output)
    {
        output.WriteLine();
        output.WriteLine(report.Method);
        report.Save(folder);
        output.WriteLine($"Written: {Path.Combine(folder, "benchmark.json")}, benchmark.svg");
    }

    private static bool Try(Action action, TextWriter errors)
    {
        try
        {
            action();
            return true;
        }
        catch (OperationCanceledException)
        {
            errors.WriteLine("Broken off.");
        }
        catch (Exception e) when (e is LinuxException or InvalidOperationException or IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            errors.WriteLine(e.Message);
        }
        catch (Exception e)
        {
            // Nobody has thought of this one: where it comes from is needed to mend it.
            errors.WriteLine(e);
        }

        return false;
    }
}
