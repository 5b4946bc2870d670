using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Handlers;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Comparison.Reporting;

namespace Gwlbtun.Comparison;

/// <summary>All runs of all cases. What they give goes to the report as it comes: whoever ends it early has what there was.</summary>
internal sealed class Comparison(ComparisonOptions options, BenchmarkReport report, TextWriter output)
{
    public void Run(CancellationToken stop)
    {
        using SocketBuffers buffers = new();
        DirectoryInfo work = Directory.CreateTempSubdirectory("gwbench.");
        try
        {
            ReflectorProgram? reflector = ReflectorProgram.TryCompile(work.FullName, out string? reason);
            Run(new SingleRun(options, reflector, work.FullName, stop).Measure, reason);
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    /// <param name="measure">Makes one run.</param>
    /// <param name="withoutReflector">Why nothing returns packets but a handler; null when something does.</param>
    internal void Run(Func<Subject, BenchmarkCase, Topology, Measurement> measure, string? withoutReflector)
    {
        if (withoutReflector is not null)
        {
            string missing = $"the floor, and the server of the case nat: {withoutReflector}";
            report.AddUnavailable(missing);
            output.WriteLine("Unavailable: " + missing);
        }

        foreach (Topology topology in options.Topologies)
        {
            foreach (BenchmarkCase load in options.Cases)
            {
                if (load.Kind == CaseKind.Nat && withoutReflector is not null)
                    report.AddUnmeasured($"{CaseReport.LabelOf(load, topology)}: the server that echoes is unavailable");
                else
                    Run(new AlternatingRuns(options, load, topology, SubjectsOf(load, withoutReflector is null)), measure);
            }
        }
    }

    private void Run(AlternatingRuns runs, Func<Subject, BenchmarkCase, Topology, Measurement> measure)
    {
        try
        {
            runs.Measure(measure, output);
        }
        catch (Exception e)
        {
            report.AddUnmeasured($"{runs.Report.Label}, from here on: {(e is OperationCanceledException ? "broken off" : e.Message.Split('\n')[0])}");
            throw;
        }
        finally
        {
            if (runs.Any)
            {
                report.Add(runs.Report);
                ConsoleTable.Write(output, runs.Report);
            }
        }
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
