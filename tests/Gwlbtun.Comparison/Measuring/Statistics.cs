namespace Gwlbtun.Comparison.Measuring;

/// <summary>What is said of several runs.</summary>
internal static class Statistics
{
    /// <summary>The middle one, or the mean of the two in the middle; null when there are none.</summary>
    public static double? Median(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        int middle = ordered.Length / 2;
        return ordered.Length == 0 ? null : ordered.Length % 2 == 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
    }

    /// <summary>The median of a figure over the runs that have it.</summary>
    public static double? Median(IEnumerable<Measurement> runs, Metric metric) => Median(runs.Select(metric.Of).OfType<double>());

    /// <summary>
    /// The median of the ratios of each pair's two runs. Runs of a pair lie side by side in time: what else the machine does then bears on both, and
    /// cancels out.
    /// </summary>
    /// <param name="ours">Runs, by pair.</param>
    /// <param name="others">Runs of what to compare with, by pair.</param>
    /// <param name="metric">Which figure.</param>
    /// <returns>Null when no pair has both.</returns>
    public static double? PairedRatio(IReadOnlyList<Measurement> ours, IReadOnlyList<Measurement> others, Metric metric)
    {
        List<double> ratios = [];
        foreach ((Measurement one, Measurement other) in ours.Zip(others))
        {
            if (metric.Of(one) is { } value && metric.Of(other) is { } reference and not 0)
                ratios.Add(value / reference);
        }

        return Median(ratios);
    }
}
