using System.Text.Json;
using System.Xml.Linq;
using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Comparison.Reporting;
using Xunit;

namespace Gwlbtun.Comparison.Tests;

public class ReportSpecs
{
    private static readonly XNamespace _svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Should_write_medians_ratios_and_every_run_as_json()
    {
        JsonElement root = JsonDocument.Parse(Report(Good(300), Good(100)).ToJson()).RootElement;
        JsonElement one = root.GetProperty("cases")[0];

        Assert.True(root.GetProperty("good").GetBoolean());
        Assert.Equal("small", one.GetProperty("name").GetString());
        Assert.Equal("nic", one.GetProperty("topology").GetString());
        Assert.Equal(300, one.GetProperty("medians").GetProperty("ours").GetProperty("kilopacketsPerSecond").GetDouble());
        Assert.Equal(3, one.GetProperty("ratios").GetProperty("kilopacketsPerSecond").GetDouble());
        Assert.Equal(100_000, one.GetProperty("runs").GetProperty("peer")[0].GetProperty("packetsPerSecond").GetDouble());
    }

    [Fact]
    public void Should_have_no_ratios_without_a_peer()
    {
        JsonElement one = JsonDocument.Parse(Report(Good(300), peer: null).ToJson()).RootElement.GetProperty("cases")[0];

        Assert.Equal(JsonValueKind.Null, one.GetProperty("ratios").ValueKind);
    }

    [Fact]
    public void Should_draw_bars_in_proportion()
    {
        XElement chart = XElement.Parse(SvgChart.Draw(Report(Good(300), Good(100))));
        double[] widths = [.. Bars(chart, "#1f6feb"), .. Bars(chart, "#b0713a")];

        Assert.Equal(4, widths.Length); // throughput and CPU time of both
        Assert.Equal(3, widths[0] / widths[2], 2);
        Assert.Contains(chart.Descendants(_svg + "text"), text => text.Value.Contains("3.00 × peer", StringComparison.Ordinal));
    }

    [Fact]
    public void Should_print_a_row_for_each_subject_and_one_of_ratios()
    {
        StringWriter output = new();

        ConsoleTable.Write(output, Report(Good(300), Good(100)).Cases[0]);

        Assert.Matches(@"ours +300\.0 ", output.ToString());
        Assert.Matches(@"peer +100\.0 ", output.ToString());
        Assert.Matches(@"ours : peer +3\.00 ", output.ToString());
    }

    [Fact]
    public void Should_object_to_what_is_lost_in_a_closed_loop_and_at_a_rate()
    {
        Measurement lossy = Good(300) with { Lost = 2 };

        Assert.Equal("small (nic): 2 packets lost", Assert.Single(Report(lossy, peer: null).Objections));
        Assert.Equal("latency (nic): 2 packets lost", Assert.Single(Report(lossy, peer: null, "latency").Objections));
    }

    [Fact]
    public void Should_object_to_wrong_packets_and_failures_of_ours_alone()
    {
        Measurement bad = Good(300) with { Wrong = 1, Faults = new Dictionary<string, long> { ["WrongPort"] = 1 }, Failure = "died" };

        Assert.Equal(["latency (nic): died", "latency (nic): 1 packets wrong: WrongPort 1"], Report(bad, peer: null, "latency").Objections);
        Assert.Empty(Report(Good(300), bad).Objections);
    }

    [Fact]
    public void Should_say_how_often_the_host_of_the_machine_disturbed_and_how_much_at_most()
    {
        StringWriter quiet = new(), output = new();

        ConsoleTable.Write(quiet, Report(Good(300) with { StolenShare = 0.02 }, Good(100)).Cases[0]);
        ConsoleTable.Write(output, Report(Good(300) with { StolenShare = 0.01 }, Good(100), disturbed: [Good(30) with { StolenShare = 0.2 }]).Cases[0]);

        Assert.DoesNotContain("host", quiet.ToString(), StringComparison.Ordinal);
        Assert.Contains("repeated because the host took more than 2 % of the processors: 1 pair; of the runs above it took 1.0 % at most", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_say_who_has_dropped_what_was_lost()
    {
        Measurement lossy = Good(30) with { Lost = 3, LossSites = new Dictionary<string, long> { ["handler: sendQueueFull"] = 2, ["appliance: link, sent"] = 2 } };

        string objection = Assert.Single(Report(lossy, peer: null, disturbed: [lossy with { Lost = 1 }]).Objections);

        Assert.Equal("small (nic): 4 packets lost: handler: sendQueueFull 4, appliance: link, sent 4", objection);
    }

    [Fact]
    public void Should_object_to_what_a_disturbed_run_has_lost_as_to_any_other() =>
        Assert.Equal("small (nic): 3 packets lost", Assert.Single(Report(Good(300), peer: null, disturbed: [Good(30) with { Lost = 3 }]).Objections));

    [Fact]
    public void Should_say_which_cases_have_no_figures_of_the_peer()
    {
        Assert.Equal("small (nic): the peer gave no figures", Assert.Single(Report(Good(300), new Measurement { Failure = "never answered" }).Unmeasured));
        Assert.Empty(Report(Good(300), Good(100)).Unmeasured);
        Assert.Empty(Report(Good(300), peer: null).Unmeasured);
    }

    [Theory]
    [InlineData(2, "small (nic): the peer gave figures in 2 of 3 runs")]
    [InlineData(0, "small (nic): the peer gave no figures")]
    public void Should_say_how_many_runs_gave_figures_of_the_peer(int good, string expected)
    {
        // One that returned nothing has no ratio to anything.
        Measurement[] peer = [.. Enumerable.Repeat(Good(100), good), Good(0), new Measurement { Failure = "died" }, new Measurement { Failure = "died" }];

        Assert.Equal([expected], Case(peer[..3], subject: Subject.Peer).Unmeasured(pairs: 3));
    }

    [Fact]
    public void Should_say_how_many_runs_gave_figures_of_ours_but_not_of_the_floor()
    {
        Assert.Equal(["small (nic): gwlbtun gave figures in 1 of 2 runs"], Case([Good(300)], subject: Subject.Ours).Unmeasured(pairs: 2));
        Assert.Empty(Case([new Measurement { Failure = "the floor returned nothing" }], subject: Subject.Floor).Unmeasured(pairs: 2));
    }

    private static CaseReport Case(IReadOnlyList<Measurement> runs, string subject) => new(
        CaseCatalog.Named("small"),
        Topology.Nic,
        new Dictionary<string, IReadOnlyList<Measurement>> { [subject] = runs },
        new Dictionary<string, IReadOnlyList<Measurement>> { [subject] = [] });

    private static IEnumerable<double> Bars(XElement chart, string colour) => chart.Elements(_svg + "rect")
        .Where(bar => (string?)bar.Attribute("fill") == colour && (int)bar.Attribute("height")! > 10).Select(bar => (double)bar.Attribute("width")!);

    private static Measurement Good(double kpps) => new() { PacketsPerSecond = kpps * 1e3, HandlerMicroseconds = 5, Sent = 10, Returned = 10 };

    private static BenchmarkReport Report(Measurement ours, Measurement? peer, string name = "small", IReadOnlyList<Measurement>? disturbed = null)
    {
        BenchmarkCase load = CaseCatalog.Named(name);
        BenchmarkReport report = new(SomeOptions.For(pairs: 1, peer is null ? null : "peer", load));
        Dictionary<string, IReadOnlyList<Measurement>> runs = new() { [Subject.Ours] = [ours] };
        if (peer is not null)
            runs[Subject.Peer] = [peer];
        report.Add(new CaseReport(load, Topology.Nic, runs, new Dictionary<string, IReadOnlyList<Measurement>> { [Subject.Ours] = disturbed ?? [] }));
        return report;
    }
}
