using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Comparison.Reporting;

namespace Gwlbtun.Comparison;

/// <summary>The runs of one case, alternating between the subjects.</summary>
internal sealed class AlternatingRuns(ComparisonOptions options, BenchmarkCase load, Topology topology, IReadOnlyList<Subject> subjects)
{
    private readonly Dictionary<string, List<Measurement>> _runs = subjects.ToDictionary(subject => subject.Name, _ => new List<Measurement>());
    private readonly Dictionary<string, List<Measurement>> _disturbed = subjects.ToDictionary(subject => subject.Name, _ => new List<Measurement>());

    /// <summary>Whether there are any so far.</summary>
    public bool Any => _runs.Values.Concat(_disturbed.Values).Any(runs => runs.Count > 0);

    /// <summary>Those that there are so far.</summary>
    public CaseReport Report => new(load, topology, ReadOnly(_runs), ReadOnly(_disturbed));

    /// <summary>Makes all of them.</summary>
    /// <param name="measure">Makes one.</param>
    /// <param name="output">Where failures are told as they come.</param>
    public void Measure(Func<Subject, BenchmarkCase, Topology, Measurement> measure, TextWriter output)
    {
        int pair = 0;
        while (pair < options.Pairs)
        {
            if (MeasurePair(pair, measure, output))
                pair++;
        }
    }

    // False when the pair is to be measured again.
    private bool MeasurePair(int pair, Func<Subject, BenchmarkCase, Topology, Measurement> measure, TextWriter output)
    {
        List<(Subject Subject, Measurement Run)> measured = [];
        bool isRepeated = false;
        try
        {
            foreach (Subject subject in Subject.InOrder(subjects, pair))
            {
                Measurement run = measure(subject, load, topology);
                if (run.Failure is { } failure)
                    output.WriteLine($"{load.Name}, {subject.Name}: {failure}");
                measured.Add((subject, run));
            }

            // A pair that shows what the host did says nothing of handlers. No other reason for another try: figures are not chosen.
            isRepeated = !options.IsQuick && _disturbed[Subject.Ours].Count < options.Pairs && measured.Any(one => one.Run.IsDisturbed);
            return !isRepeated;
        }
        finally
        {
            // The last pair may be broken off: what there is of it comes behind all whole ones, and takes none of their partners.
            foreach ((Subject subject, Measurement run) in measured)
                (isRepeated ? _disturbed : _runs)[subject.Name].Add(run);
        }
    }

    private static Dictionary<string, IReadOnlyList<Measurement>> ReadOnly(Dictionary<string, List<Measurement>> runs) =>
        runs.ToDictionary(one => one.Key, one => (IReadOnlyList<Measurement>)one.Value);
}
