using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.Comparison.Tests;

/// <summary>bench.sh itself, with real packets.</summary>
public class BenchSpecs(ITestOutputHelper output)
{
    private static readonly string _repository = FindRepository();
    private static readonly string _results = Path.Combine(_repository, "artifacts", "bench");

    [Fact]
    public void Should_measure_ours_and_the_floor_and_leave_nothing_behind()
    {
        (int exitCode, string said, int id) = Bench("--quick", "--cases", "small,nat,no-return", "--pairs", "1", "--seconds", "1", "--topology", "nic");
        output.WriteLine(said);

        Assert.Equal(0, exitCode);
        JsonElement root = JsonDocument.Parse(File.ReadAllText(Path.Combine(_results, "benchmark.json"))).RootElement;
        Assert.True(root.GetProperty("quick").GetBoolean());
        Assert.Equal(0, root.GetProperty("unavailable").GetArrayLength());
        JsonElement small = Case(root, "small");
        Assert.InRange(Median(small, "ours", "kilopacketsPerSecond"), 1, double.MaxValue);
        Assert.InRange(Median(small, "ours", "handlerMicrosecondsPerPacket"), 0.1, 1_000);
        Assert.InRange(Median(small, "floor", "kilopacketsPerSecond"), 1, double.MaxValue);
        Assert.InRange(Median(Case(root, "nat"), "ours", "kilopacketsPerSecond"), 1, double.MaxValue);
        Assert.InRange(Median(Case(root, "no-return"), "ours", "kilopacketsPerSecond"), 1, 31);
        Assert.Contains("small (nic)", XElement.Load(Path.Combine(_results, "benchmark.svg")).Value, StringComparison.Ordinal);
        Assert.DoesNotContain($"gwbench-{id}-", string.Join(' ', Directory.GetFiles("/run/netns")), StringComparison.Ordinal);
    }

    [Fact]
    public void Should_say_what_is_wrong_with_its_arguments()
    {
        (int exitCode, string said, _) = Bench("--cases", "smal", "--pairs", "0");

        Assert.NotEqual(0, exitCode);
        Assert.Contains("'smal' is no case", said, StringComparison.Ordinal);
        Assert.Contains("--pairs must be at least 1", said, StringComparison.Ordinal);
    }

    private static JsonElement Case(JsonElement root, string name) => root.GetProperty("cases").EnumerateArray().Single(one => one.GetProperty("name").GetString() == name);

    private static double Median(JsonElement one, string subject, string metric) => one.GetProperty("medians").GetProperty(subject).GetProperty(metric).GetDouble();

    private static (int ExitCode, string Said, int Id) Bench(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(Path.Combine(_repository, "bench.sh"), arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string said = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        return (process.ExitCode, said, process.Id);
    }

    private static string FindRepository()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "gwlbtun.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not run from within the repository.");
        return folder;
    }
}
