using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;

namespace Gwlbtun.Comparison.Reporting;

/// <summary>All runs of one case on one topology, by subject and then by pair.</summary>
internal sealed record CaseReport(BenchmarkCase Case, Topology Topology, IReadOnlyDictionary<string, IReadOnlyList<Measurement>> Runs)
{
    /// <summary>The median of a subject's figure; null when it has none.</summary>
    public double? Median(string subject, Metric metric) => Runs.TryGetValue(subject, out IReadOnlyList<Measurement>? runs) ? Statistics.Median(runs, metric) : null;

    /// <summary>The median of the pairs' ratios of our figure to the peer's; null without a peer.</summary>
    public double? Ratio(Metric metric) =>
        Runs.TryGetValue(Subject.Peer, out IReadOnlyList<Measurement>? peer) ? Statistics.PairedRatio(Runs[Subject.Ours], peer, metric) : null;

    /// <summary>What speaks against our runs: a closed loop loses nothing, and nothing ever comes back wrong.</summary>
    public IEnumerable<string> Objections()
    {
        IReadOnlyList<Measurement> ours = Runs[Subject.Ours];
        string where = $"{Case.Name} ({Topology.ToString().ToLowerInvariant()}): ";
        foreach (Measurement run in ours.Where(run => run.Failure is not null))
            yield return where + run.Failure;
        if (Case.Rate is null && ours.Sum(run => run.Lost) is > 0 and var lost)
            yield return where + $"{lost} packets lost";
        if (ours.Sum(run => run.Wrong) is > 0 and var wrong)
            yield return where + $"{wrong} packets wrong: " + FaultsOf(ours);
    }

    /// <summary>How many packets of all runs were wrong in which way, in words.</summary>
    public static string FaultsOf(IEnumerable<Measurement> runs) =>
        string.Join(", ", runs.SelectMany(run => run.Faults).GroupBy(fault => fault.Key, fault => fault.Value).Select(fault => $"{fault.Key} {fault.Sum()}"));
}
