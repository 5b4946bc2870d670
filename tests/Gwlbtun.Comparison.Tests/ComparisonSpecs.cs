using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Reporting;
using Xunit;

namespace Gwlbtun.Comparison.Tests;

/// <summary>Which runs are made and what becomes of them, without any packet.</summary>
public sealed class ComparisonSpecs : IDisposable
{
    private readonly List<string> _made = [];
    private readonly StringWriter _output = new();

    public void Dispose() => _output.Dispose();

    [Fact]
    public void Should_alternate_and_have_no_floor_behind_nat()
    {
        BenchmarkReport report = Compare(Options("small", "nat"), _ => Good(300));

        Assert.Equal(["small ours", "small floor", "small peer", "small peer", "small floor", "small ours", "nat ours", "nat peer", "nat peer", "nat ours"], _made);
        Assert.Equal(["small (nic)", "nat (nic)"], report.Cases.Select(one => one.Label));
        Assert.Empty(report.Unmeasured);
    }

    [Fact]
    public void Should_not_measure_without_a_compiler_what_needs_one_and_say_so()
    {
        BenchmarkReport report = Compare(Options("nat", "small"), _ => Good(300), withoutReflector: "no clang");

        Assert.Equal(["small ours", "small peer", "small peer", "small ours"], _made);
        Assert.Equal("nat (nic): the server that echoes is unavailable", Assert.Single(report.Unmeasured));
        Assert.Contains("no clang", report.ToJson(), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_keep_what_was_measured_before_something_went_wrong()
    {
        BenchmarkReport report = new(Options("small", "pairs", "imix"));

        // Three runs a pair: the second one of pairs begins with the peer and the floor, and never comes to ours.
        Assert.Throws<FormatException>(() => Compare(report, Options("small", "pairs", "imix"), made => made switch
        {
            < 10 => Good(300),
            < 12 => Good(200),
            _ => throw new FormatException("no JSON\nmore of it"),
        }));

        Assert.Equal(["small (nic)", "pairs (nic)"], report.Cases.Select(one => one.Label));
        Assert.Equal((1, 2), (report.Cases[1].Runs[Subject.Ours].Count, report.Cases[1].Runs[Subject.Peer].Count));
        Assert.Equal(["pairs (nic), from here on: no JSON", "pairs (nic): gwlbtun gave figures in 1 of 2 runs"], report.Unmeasured);
        Assert.Contains("pairs (nic): ", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_object_to_what_was_lost_in_a_pair_that_was_broken_off()
    {
        BenchmarkReport report = new(Options("small"));

        Assert.Throws<OperationCanceledException>(() => Compare(report, Options("small"), made => made == 1 ? Good(300) with { Lost = 2 } : throw new OperationCanceledException()));

        Assert.Equal("small (nic): 2 packets lost", Assert.Single(report.Objections));
        Assert.Contains("small (nic), from here on: broken off", report.Unmeasured);
        Assert.Contains("small (nic): the peer gave no figures", report.Unmeasured);
    }

    [Fact]
    public void Should_measure_a_disturbed_pair_again_in_the_same_order()
    {
        BenchmarkReport report = Compare(Options("nat"), made => made == 1 ? Good(30) with { StolenShare = 0.5 } : Good(300));

        Assert.Equal(["nat ours", "nat peer", "nat ours", "nat peer", "nat peer", "nat ours"], _made);
        Assert.Equal((2, 1), (report.Cases[0].Runs[Subject.Ours].Count, report.Cases[0].RepeatedPairs));
        Assert.Equal(300, report.Cases[0].Median(Subject.Ours, Metric.Throughput));
    }

    [Fact]
    public void Should_take_disturbed_pairs_as_they_are_when_as_many_as_asked_for_were_measured_again()
    {
        BenchmarkReport report = Compare(Options("nat"), _ => Good(30) with { StolenShare = 0.5 });

        Assert.Equal((2, 2), (report.Cases[0].Runs[Subject.Peer].Count, report.Cases[0].RepeatedPairs));
    }

    private static ComparisonOptions Options(params string[] cases) => SomeOptions.For(pairs: 2, peer: "peer", [.. cases.Select(CaseCatalog.Named)]);

    private static Measurement Good(double kpps) => new() { PacketsPerSecond = kpps * 1e3 };

    private BenchmarkReport Compare(ComparisonOptions options, Func<int, Measurement> measure, string? withoutReflector = null) => Compare(new BenchmarkReport(options), options, measure, withoutReflector);

    // Runs are told apart by how many have been made, this one included.
    private BenchmarkReport Compare(BenchmarkReport report, ComparisonOptions options, Func<int, Measurement> measure, string? withoutReflector = null)
    {
        new Comparison(options, report, _output).Run(
            (subject, load, _) =>
            {
                _made.Add($"{load.Name} {subject.Name}");
                return measure(_made.Count);
            },
            withoutReflector);
        return report;
    }
}
