using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;

namespace Gwlbtun.Comparison.Reporting;

/// <summary>All runs of one case on one topology.</summary>
/// <param name="Case">The case.</param>
/// <param name="Topology">The topology.</param>
/// <param name="Runs">By subject, then by pair.</param>
/// <param name="Disturbed">Those of the pairs that were repeated because the host of this virtual machine took too much of its time.</param>
internal sealed record CaseReport(
    BenchmarkCase Case,
    Topology Topology,
    IReadOnlyDictionary<string, IReadOnlyList<Measurement>> Runs,
    IReadOnlyDictionary<string, IReadOnlyList<Measurement>> Disturbed)
{
    /// <summary>What people call it: the case, and the topology in brackets.</summary>
    public string Label => LabelOf(Case, Topology);

    /// <summary>How many pairs were repeated.</summary>
    public int RepeatedPairs => Disturbed[Subject.Ours].Count;

    /// <summary>The largest part of the processors' time that the host took from a run, 0 to 1.</summary>
    public double MostStolenShare => Runs.Values.SelectMany(runs => runs).Select(run => run.StolenShare).DefaultIfEmpty().Max();

    /// <summary>The median of a subject's figure; null when it has none.</summary>
    public double? Median(string subject, Metric metric) => Runs.TryGetValue(subject, out IReadOnlyList<Measurement>? runs) ? Statistics.Median(runs, metric) : null;

    /// <summary>The median of the pairs' ratios of our figure to the peer's; null without a peer.</summary>
    public double? Ratio(Metric metric) =>
        Runs.TryGetValue(Subject.Peer, out IReadOnlyList<Measurement>? peer) ? Statistics.PairedRatio(Runs[Subject.Ours], peer, metric) : null;

    /// <summary>What speaks against our runs, disturbed or not: no case asks for more than can be carried, so nothing is lost, and nothing comes back wrong.</summary>
    public IEnumerable<string> Objections()
    {
        IReadOnlyList<Measurement> ours = [.. Runs[Subject.Ours], .. Disturbed[Subject.Ours]];
        string where = $"{Label}: ";
        foreach (Measurement run in ours.Where(run => run.Failure is not null))
            yield return where + run.Failure;
        if (ours.Sum(run => run.Lost) is > 0 and var lost)
            yield return where + $"{lost} packets lost{Listed(": ", LossSitesOf(ours))}";
        if (ours.Sum(run => run.Wrong) is > 0 and var wrong)
            yield return where + $"{wrong} packets wrong: " + FaultsOf(ours);
    }

    /// <summary>Whose figures are of fewer runs than were asked for. The floor's may be: nobody is judged by it.</summary>
    public IEnumerable<string> Unmeasured(int pairs)
    {
        foreach ((string subject, string name) in ((string, string)[])[(Subject.Ours, "gwlbtun"), (Subject.Peer, "the peer")])
        {
            if (!Runs.TryGetValue(subject, out IReadOnlyList<Measurement>? runs))
                continue;
            int measured = runs.Count(run => run.HasFigures);
            if (measured < pairs)
                yield return $"{Label}: {name} gave {(measured == 0 ? "no figures" : $"figures in {measured} of {pairs} runs")}";
        }
    }

    /// <summary>The label of a case of which there need be no runs.</summary>
    public static string LabelOf(BenchmarkCase load, Topology topology) => $"{load.Name} ({topology.ToString().ToLowerInvariant()})";

    /// <summary>How many packets of all runs were wrong in which way, in words.</summary>
    public static string FaultsOf(IEnumerable<Measurement> runs) => Sums(runs, run => run.Faults);

    /// <summary>Who has dropped packets in the runs that lost some, in words; empty when nobody says so.</summary>
    public static string LossSitesOf(IEnumerable<Measurement> runs) => Sums(runs, run => run.LossSites);

    private static string Sums(IEnumerable<Measurement> runs, Func<Measurement, IReadOnlyDictionary<string, long>> counts) =>
        string.Join(", ", runs.SelectMany(counts).GroupBy(count => count.Key, count => count.Value).Select(count => $"{count.Key} {count.Sum()}"));

    private static string Listed(string before, string list) => list.Length == 0 ? "" : before + list;
}
