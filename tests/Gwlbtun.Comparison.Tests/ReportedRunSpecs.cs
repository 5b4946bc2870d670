using System.Text.Json;
using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.CommandLine;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Gwlbtun.Comparison.Reporting;
using Xunit;

namespace Gwlbtun.Comparison.Tests;

public sealed class ReportedRunSpecs : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gwbench-specs.");
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();
    private readonly BenchmarkReport _report = new(SomeOptions.For(pairs: 1, peer: null));

    private string Json => Path.Combine(_folder.FullName, "benchmark.json");

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _output.Dispose();
        _errors.Dispose();
    }

    [Fact]
    public void Should_end_with_0_when_all_is_good()
    {
        Assert.Equal(0, Run(() => Add(lost: 0)));
        Assert.Contains("Written: " + Json, _output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("NOT ", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_end_with_2_when_a_case_was_not_measured()
    {
        Assert.Equal(2, Run(() => _report.AddUnmeasured("nat (nic): no server")));
        Assert.Contains("NOT MEASURED: nat (nic): no server", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, Saved().GetProperty("unmeasured").GetArrayLength());
    }

    [Fact]
    public void Should_end_with_1_when_something_is_not_good_whatever_else_was_not_measured()
    {
        Assert.Equal(1, Run(() =>
        {
            Add(lost: 3);
            _report.AddUnmeasured("nat (nic): no server");
            throw new IOException("no disk");
        }));
        Assert.Contains("NOT GOOD: small (nic): 3 packets lost", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("NOT MEASURED: nat (nic): no server", _output.ToString(), StringComparison.Ordinal);
    }

    public static TheoryData<Exception, string> Interruptions() => new()
    {
        { new JsonException("'<' is no JSON"), "JsonException: '<' is no JSON" },
        { new InvalidOperationException("'iperf3' failed"), "'iperf3' failed" },
        { new OperationCanceledException(), "Broken off." },
    };

    [Theory]
    [MemberData(nameof(Interruptions))]
    public void Should_save_what_there_is_and_end_with_2_whatever_breaks_it_off(Exception exception, string said)
    {
        Assert.Equal(2, Run(() =>
        {
            Add(lost: 0);
            throw exception;
        }));
        Assert.Equal("small", Saved().GetProperty("cases")[0].GetProperty("name").GetString());
        Assert.Contains(said, _errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_leave_an_earlier_report_alone_when_broken_off_before_there_is_anything()
    {
        File.WriteAllText(Json, "earlier");

        Assert.Equal(2, Run(() => throw new OperationCanceledException()));
        Assert.Equal("earlier", File.ReadAllText(Json));
    }

    [Fact]
    public void Should_end_with_2_when_the_report_cannot_be_written_and_still_say_what_there_is()
    {
        File.WriteAllText(Json, "");
        Add(lost: 0);

        Assert.Equal(2, ReportedRun.Run(_report, Json, () => { }, _output, _errors));
        Assert.Contains(_report.Method, _output.ToString(), StringComparison.Ordinal);
        Assert.Contains(Json, _errors.ToString(), StringComparison.Ordinal);
    }

    private int Run(Action measure) => ReportedRun.Run(_report, _folder.FullName, measure, _output, _errors);

    private JsonElement Saved() => JsonDocument.Parse(File.ReadAllText(Json)).RootElement;

    private void Add(long lost) => _report.Add(new CaseReport(
        CaseCatalog.Named("small"),
        Topology.Nic,
        new Dictionary<string, IReadOnlyList<Measurement>> { [Subject.Ours] = [new Measurement { PacketsPerSecond = 1_000, Lost = lost }] },
        new Dictionary<string, IReadOnlyList<Measurement>> { [Subject.Ours] = [] }));
}
