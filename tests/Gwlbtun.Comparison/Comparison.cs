using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Handlers;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Comparison.Reporting;

namespace Gwlbtun.Comparison;

/// <summary>All runs of all cases, alternating between the subjects.</summary>
internal sealed class Comparison(ComparisonOptions options, TextWriter output)
{
    public BenchmarkReport Run(CancellationToken stop)
    {
        using SocketBuffers buffers = new();
        DirectoryInfo work = Directory.CreateTempSubdirectory("gwbench.");
        try
        {
            ReflectorProgram? reflector = ReflectorProgram.TryCompile(work.FullName, out string? reason);
            List<string> unavailable = reflector is null ? [$"the floor, and the server of the case nat: {reason}"] : [];
            foreach (string missing in unavailable)
                output.WriteLine("Unavailable: " + missing);
            BenchmarkReport report = new(options, unavailable);
            SingleRun run = new(options, reflector, work.FullName, stop);
            foreach (Topology topology in options.Topologies)
            {
                foreach (BenchmarkCase load in options.Cases.Where(load => load.Kind != CaseKind.Nat || reflector is not null))
                {
                    CaseReport done = Run(run, load, topology, SubjectsOf(load, reflector is not null));
                    report.Add(done);
                    ConsoleTable.Write(output, done);
                }
            }

            return report;
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private CaseReport Run(SingleRun run, BenchmarkCase load, Topology topology, IReadOnlyList<Subject> subjects)
    {
        Dictionary<string, List<Measurement>> runs = subjects.ToDictionary(subject => subject.Name, _ => new List<Measurement>());
        Dictionary<string, List<Measurement>> disturbed = subjects.ToDictionary(subject => subject.Name, _ => new List<Measurement>());
        for (int pair = 0; pair < options.Pairs; pair++)
        {
            List<(Subject Subject, Measurement Run)> measured = RunPair(run, load, topology, Subject.InOrder(subjects, pair));
            // A pair that shows what the host did says nothing of handlers. No other reason for another try: figures are not chosen.
            while (!options.IsQuick && disturbed[Subject.Ours].Count < options.Pairs && measured.Any(one => one.Run.IsDisturbed))
            {
                Add(measured, disturbed);
                measured = RunPair(run, load, topology, Subject.InOrder(subjects, pair));
            }

            Add(measured, runs);
        }

        return new CaseReport(load, topology, ReadOnly(runs), ReadOnly(disturbed));
    }

    private static void Add(List<(Subject Subject, Measurement Run)> pair, Dictionary<string, List<Measurement>> runs)
    {
        foreach ((Subject subject, Measurement run) in pair)
            runs[subject.Name].Add(run);
    }

    private static Dictionary<string, IReadOnlyList<Measurement>> ReadOnly(Dictionary<string, List<Measurement>> runs) =>
        runs.ToDictionary(one => one.Key, one => (IReadOnlyList<Measurement>)one.Value);

    private List<(Subject Subject, Measurement Run)> RunPair(SingleRun run, BenchmarkCase load, Topology topology, IEnumerable<Subject> subjects)
    {
        List<(Subject, Measurement)> pair = [];
        foreach (Subject subject in subjects)
        {
            Measurement measured = run.Measure(subject, load, topology);
            if (measured.Failure is { } failure)
                output.WriteLine($"{load.Name}, {subject.Name}: {failure}");
            pair.Add((subject, measured));
        }

        return pair;
    }

    private List<Subject> SubjectsOf(BenchmarkCase load, bool hasFloor)
    {
        List<Subject> subjects = [new(Subject.Ours, new HandlerProgram(options.Gwlbtun, HasNoReturnOption: true))];
        if (hasFloor && load.Kind is (CaseKind.Hairpin or CaseKind.Bridged))
            subjects.Add(new Subject(Subject.Floor, Handler: null));
        if (options.Peer is { } peer)
            subjects.Add(new Subject(Subject.Peer, new HandlerProgram(peer, HasNoReturnOption: false)));
        return subjects;
    }
}
