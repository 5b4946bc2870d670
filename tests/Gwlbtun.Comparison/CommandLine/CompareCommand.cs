using System.CommandLine;
using System.CommandLine.Parsing;
using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Comparison.Reporting;

namespace Gwlbtun.Comparison.CommandLine;

/// <summary>The program's options. bench.sh gives the required ones, its user the others.</summary>
internal static class CompareCommand
{
    private const int FewestPairs = 5;

    public static RootCommand Create() => Create(Run);

    /// <param name="run">What to do with good options; answers the exit code.</param>
    internal static RootCommand Create(Func<ComparisonOptions, CancellationToken, int> run)
    {
        // The first four are bench.sh's own.
        Option<string> gwlbtun = new("--gwlbtun") { Description = "Our executable.", Required = true, Hidden = true };
        Option<string> scripts = new("--scripts") { Description = "The folder of the example scripts.", Required = true, Hidden = true };
        Option<string> folder = new("--output") { Description = "Where benchmark.json and benchmark.svg go.", Required = true, Hidden = true };
        Option<string> prefix = new("--prefix") { Description = "Of the names of the network namespaces.", Required = true, Hidden = true };
        Option<string?> peer = new("--peer") { Description = "Another handler with the same options, to alternate with.", HelpName = "FILE" };
        Option<BenchmarkCase[]> cases = new("--cases")
        {
            Description = "Only these, separated by commas: " + string.Join(", ", CaseCatalog.All.Select(one => one.Name)) + ". [default: all of them]",
            HelpName = "NAMES",
            CustomParser = Cases,
        };
        Option<int?> pairs = new("--pairs") { Description = $"Runs of each subject and case; 1 or more; figures to be quoted need {FewestPairs}. [default: {FewestPairs}, with --quick 1]" };
        Option<string> topology = new("--topology") { Description = "nic: a link like a cloud's network card, without segmentation offload; veth: one that takes super-packets whole.", DefaultValueFactory = _ => "both" };
        topology.AcceptOnlyFromAmong("nic", "veth", "both");
        Option<double?> seconds = new("--seconds") { Description = "Length of a run, 1 or more. [default: 3, with --quick 1]" };
        Option<bool> quick = new("--quick") { Description = "Fewer and shorter runs: to see that it works." };
        RootCommand command = new("Measures gwlbtun, run by run in turn with another handler, and with the kernel alone (the floor).")
        {
            gwlbtun, scripts, folder, prefix, peer, cases, pairs, topology, seconds, quick,
        };
        peer.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !IsProgram(result.Tokens[0].Value))
                result.AddError($"--peer '{result.Tokens[0].Value}' is no program that can be run.");
        });
        AtLeastOne(pairs, "--pairs");
        AtLeastOne(seconds, "--seconds");
        command.SetAction((parsed, stop) => Task.Factory.StartNew(() => run(new ComparisonOptions
        {
            Gwlbtun = Path.GetFullPath(parsed.GetRequiredValue(gwlbtun)),
            Peer = parsed.GetValue(peer) is { } path ? Path.GetFullPath(path) : null,
            Cases = CasesOf(parsed, cases),
            Topologies = parsed.GetValue(topology) switch { "nic" => [Topology.Nic], "veth" => [Topology.Veth], _ => [Topology.Nic, Topology.Veth] },
            Pairs = parsed.GetValue(pairs) ?? (parsed.GetValue(quick) ? 1 : FewestPairs),
            Duration = TimeSpan.FromSeconds(parsed.GetValue(seconds) ?? (parsed.GetValue(quick) ? 1 : 3)),
            // In three seconds the runtime has compiled anew what runs for each packet.
            WarmUp = TimeSpan.FromSeconds(parsed.GetValue(quick) ? 0.3 : 3),
            IsQuick = parsed.GetValue(quick) || (parsed.GetValue(pairs) ?? FewestPairs) < FewestPairs,
            Scripts = Path.GetFullPath(parsed.GetRequiredValue(scripts)),
            Output = parsed.GetRequiredValue(folder),
            Prefix = parsed.GetRequiredValue(prefix),
        }, stop), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        return command;
    }

    private static int Run(ComparisonOptions options, CancellationToken stop)
    {
        BenchmarkReport report = new(options);
        return ReportedRun.Run(report, options.Output, () => new Comparison(options, report, Console.Out).Run(stop), Console.Out, Console.Error);
    }

    private static bool IsProgram(string path) => File.Exists(path) && (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0;

    // Not given, it has the value of an empty array.
    private static BenchmarkCase[] CasesOf(ParseResult parsed, Option<BenchmarkCase[]> cases) =>
        parsed.GetResult(cases) is null ? [.. CaseCatalog.All] : parsed.GetRequiredValue(cases);

    private static BenchmarkCase[]? Cases(ArgumentResult result)
    {
        try
        {
            return [.. result.Tokens.SelectMany(token => token.Value.Split(',')).Select(CaseCatalog.Named)];
        }
        catch (FormatException e)
        {
            result.AddError(e.Message);
            return null;
        }
    }

    private static void AtLeastOne<T>(Option<T?> option, string name)
        where T : struct, IComparable<T> => option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && double.TryParse(result.Tokens[0].Value, out double given) && given < 1)
                result.AddError($"{name} must be at least 1.");
        });
}
