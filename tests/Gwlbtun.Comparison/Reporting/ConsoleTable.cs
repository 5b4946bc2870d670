using System.Globalization;
using Gwlbtun.Comparison.Measuring;

namespace Gwlbtun.Comparison.Reporting;

/// <summary>A case as a table: medians by subject, then the paired ratios.</summary>
internal static class ConsoleTable
{
    private const int NameWidth = 12;
    private const int Gap = 2;
    private const int LeastWidth = 7;

    public static void Write(TextWriter output, CaseReport report)
    {
        output.WriteLine();
        output.WriteLine($"{report.Label}: {report.Case.Description}");
        output.WriteLine(Row("", Metric.All.Select(metric => metric.Heading), ["lost", "wrong"]));
        foreach ((string subject, IReadOnlyList<Measurement> runs) in report.Runs)
        {
            output.WriteLine(Row(subject, Metric.All.Select(metric => Text(report.Median(subject, metric), metric.Format)), [Count(runs.Sum(run => run.Lost)), Count(runs.Sum(run => run.Wrong))]));
            if (CaseReport.LossSitesOf(runs) is { Length: > 0 } sites)
                output.WriteLine($"{"",NameWidth}dropped: {sites}");
            if (runs.Any(run => run.Wrong != 0))
                output.WriteLine($"{"",NameWidth}wrong: {CaseReport.FaultsOf(runs)}");
            if (runs.Sum(run => run.FailedStarts) is > 0 and var failed)
                output.WriteLine($"{"",NameWidth}ended before it was ready: {failed} time{(failed == 1 ? "" : "s")}");
        }

        if (report.Runs.ContainsKey(Subject.Peer))
            output.WriteLine(Row("ours : peer", Metric.All.Select(metric => Text(report.Ratio(metric), "0.00")), []));
        if (report.RepeatedPairs > 0 || report.MostStolenShare > Measurement.MostStolen)
            output.WriteLine(Disturbance(report));
    }

    private static string Disturbance(CaseReport report) => string.Create(
        CultureInfo.InvariantCulture,
        $"repeated because the host took more than {Measurement.MostStolen:0 %} of the processors: {report.RepeatedPairs} pair{(report.RepeatedPairs == 1 ? "" : "s")}; of the runs above it took {report.MostStolenShare:0.0 %} at most");

    private static string Row(string name, IEnumerable<string> figures, IEnumerable<string> counts)
    {
        IEnumerable<int> widths = [.. Metric.All.Select(metric => Math.Max(metric.Heading.Length, LeastWidth)), LeastWidth, LeastWidth];
        return (name.PadRight(NameWidth) + string.Concat(figures.Concat(counts).Zip(widths, (text, width) => text.PadLeft(width + Gap)))).TrimEnd();
    }

    private static string Text(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";

    private static string Count(long value) => value.ToString(CultureInfo.InvariantCulture);
}
