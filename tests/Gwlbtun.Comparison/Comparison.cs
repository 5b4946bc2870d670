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
        for (int pair = 0; pair < options.Pairs; pair++)
        {
            foreach (Subject subject in Subject.InOrder(subjects, pair))
            {
                Measurement measured = run.Measure(subject, load, topology);
                if (measured.Failure is { } failure)
                    output.WriteLine($"{load.Name}, {subject.Name}: {failure}");
                runs[subject.Name].Add(measured);
            }
        }

        return new CaseReport(load, topology, runs.ToDictionary(one => one.Key, one => (IReadOnlyList<Measurement>)one.Value));
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
