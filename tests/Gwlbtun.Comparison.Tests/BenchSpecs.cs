using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.Comparison.Tests;

/// <summary>bench.sh itself, with real packets.</summary>
public class BenchSpecs(ITestOutputHelper output)
{
    private static readonly string _results = Path.Combine(Repository.Root, "artifacts", "bench");

    [Fact]
    public void Should_measure_ours_and_the_floor_and_leave_nothing_behind()
    {
        (int exitCode, string said, int id) = Bench("--quick", "--cases", "small,nat,no-return,latency-gc", "--pairs", "1", "--seconds", "2", "--topology", "nic");
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
        Assert.InRange(Median(Case(root, "latency-gc"), "ours", "kilopacketsPerSecond"), 1, 21);
        Assert.Contains("small (nic)", XElement.Load(Path.Combine(_results, "benchmark.svg")).Value, StringComparison.Ordinal);
        Assert.DoesNotContain($"gwbench-{id}-", string.Join(' ', Directory.GetFiles("/run/netns")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_leave_nothing_behind_when_interrupted()
    {
        // In a session of its own, so that a signal can go to all of it, as Ctrl-C does; and not deaf to it, as what a script starts in the background is.
        using Process bench = Process.Start(new ProcessStartInfo("setsid", ["env", "--default-signal=INT", Repository.PathOf("bench.sh"), "--cases", "small", "--seconds", "60", "--topology", "nic"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = bench.StandardError.ReadToEndAsync();
        string appliance = $"/run/netns/gwbench-{bench.Id}-appl";
        await Await(() => File.Exists(appliance) && Command.Run("ip", "netns", "pids", $"gwbench-{bench.Id}-appl").Length > 0, bench);
        Command.Run("kill", "-INT", "--", $"-{bench.Id}");
        string said = await bench.StandardOutput.ReadToEndAsync();
        await bench.WaitForExitAsync();
        output.WriteLine(said + await errors);

        Assert.NotEqual(0, bench.ExitCode);
        Assert.False(File.Exists(appliance));
        // The compiler's servers stay on for the next build.
        Assert.DoesNotContain(Command.Run("ps", "-e", "-o", "sid=,comm=").Split('\n'), process => process.Trim().StartsWith($"{bench.Id} ", StringComparison.Ordinal) && !process.EndsWith(" dotnet", StringComparison.Ordinal) && !process.EndsWith(" VBCSCompiler", StringComparison.Ordinal));
    }

    [Fact]
    public void Should_say_what_is_wrong_with_its_arguments()
    {
        (int exitCode, string said, _) = Bench("--cases", "smal", "--pairs", "0");

        Assert.Equal(2, exitCode);
        Assert.Contains("'smal' is no case", said, StringComparison.Ordinal);
        Assert.Contains("--pairs must be at least 1", said, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_end_with_2_where_it_is_not_root()
    {
        DirectoryInfo programs = Directory.CreateTempSubdirectory("gwbench-specs.");
        try
        {
            string id = Path.Combine(programs.FullName, "id");
            File.WriteAllText(id, "#!/bin/sh\necho 1000\n");
            File.SetUnixFileMode(id, UnixFileMode.UserRead | UnixFileMode.UserExecute);

            (int exitCode, string said, _) = Run("env", $"PATH={programs.FullName}:{Environment.GetEnvironmentVariable("PATH")}", Repository.PathOf("bench.sh"));

            Assert.Equal(2, exitCode);
            Assert.Contains("run it as root", said, StringComparison.Ordinal);
        }
        finally
        {
            programs.Delete(recursive: true);
        }
    }

    private static async Task Await(Func<bool> condition, Process of)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.False(of.HasExited || waited.Elapsed > TimeSpan.FromMinutes(4));
            await Task.Delay(100);
        }
    }

    private static JsonElement Case(JsonElement root, string name) => root.GetProperty("cases").EnumerateArray().Single(one => one.GetProperty("name").GetString() == name);

    private static double Median(JsonElement one, string subject, string metric) => one.GetProperty("medians").GetProperty(subject).GetProperty(metric).GetDouble();

    private static (int ExitCode, string Said, int Id) Bench(params string[] arguments) => Run(Repository.PathOf("bench.sh"), arguments);

    private static (int ExitCode, string Said, int Id) Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string said = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        return (process.ExitCode, said, process.Id);
    }
}
