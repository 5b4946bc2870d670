using System.Text.Json;
using Gwlbtun.Comparison.Measuring;

namespace Gwlbtun.Comparison.Reporting;

/// <summary>Everything that was measured, for people and programs.</summary>
internal sealed class BenchmarkReport(ComparisonOptions options)
{
    private static readonly JsonSerializerOptions _json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly List<CaseReport> _cases = [];
    private readonly List<string> _unavailable = [];
    private readonly List<string> _unmeasured = [];
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;

    public IReadOnlyList<CaseReport> Cases => _cases;

    /// <summary>One line on how it was measured.</summary>
    public string Method => $"{options.Pairs} alternating run{(options.Pairs == 1 ? "" : "s")} of {options.Duration.TotalSeconds:0.#} s each{(options.IsQuick ? ", a quick look and nothing to quote" : "")}; {Environment.ProcessorCount} processors, Linux {Environment.OSVersion.Version}, {_started:yyyy-MM-dd}";

    public IEnumerable<string> Objections => _cases.SelectMany(one => one.Objections());

    /// <summary>What was asked for and is not there, or only in part.</summary>
    public IEnumerable<string> Unmeasured => [.. _unmeasured, .. _cases.SelectMany(one => one.Unmeasured(options.Pairs))];

    public void Add(CaseReport report) => _cases.Add(report);

    /// <summary>This machine lacks something that is measured with.</summary>
    public void AddUnavailable(string what) => _unavailable.Add(what);

    /// <summary>A case was not measured, or not to its end.</summary>
    public void AddUnmeasured(string what) => _unmeasured.Add(what);

    /// <summary>Writes benchmark.json and benchmark.svg.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "benchmark.json"), ToJson());
        File.WriteAllText(Path.Combine(folder, "benchmark.svg"), SvgChart.Draw(this));
    }

    internal string ToJson() => JsonSerializer.Serialize(new
    {
        started = _started,
        method = Method,
        quick = options.IsQuick,
        pairs = options.Pairs,
        seconds = options.Duration.TotalSeconds,
        peer = options.Peer is null ? null : Path.GetFileName(options.Peer),
        unavailable = _unavailable,
        good = !Objections.Any(),
        objections = Objections,
        unmeasured = Unmeasured,
        cases = _cases.Select(one => new
        {
            name = one.Case.Name,
            description = one.Case.Description,
            topology = one.Topology.ToString().ToLowerInvariant(),
            medians = one.Runs.Keys.ToDictionary(subject => subject, subject => Metric.All.ToDictionary(metric => metric.Name, metric => one.Median(subject, metric))),
            ratios = one.Runs.ContainsKey(Subject.Peer) ? Metric.All.ToDictionary(metric => metric.Name, one.Ratio) : null,
            runs = one.Runs,
            disturbed = one.Disturbed,
        }),
    }, _json);
}
