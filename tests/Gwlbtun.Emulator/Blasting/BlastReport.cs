using System.Globalization;
using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>A run in words for people, and in JSON for programs.</summary>
internal sealed class BlastReport
{
    private static readonly (string Name, double Share)[] _quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

    private readonly BlastOptions _options;
    private readonly LoadBalancerOptions _loadBalancerOptions;
    private readonly BlastResult _result;
    private readonly IReadOnlyDictionary<string, long> _metrics;

    public BlastReport(BlastOptions options, LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer, BlastResult result)
    {
        _options = options;
        _loadBalancerOptions = loadBalancerOptions;
        _result = result;
        _metrics = loadBalancer.Metrics.Snapshot(loadBalancer.Judgements, loadBalancer.Targets);
        Objections = result.Objections(loadBalancerOptions.Allowed, options.MaximumLoss);
    }

    /// <summary>Why the run is not good; empty when it is.</summary>
    public IReadOnlyList<string> Objections { get; }

    public void WriteText(TextWriter output)
    {
        string pace = _options.Rate is { } rate ? Text($"rate {rate:0}") : Text($"window {_options.Window}");
        output.WriteLine(Text($"flows {_options.Flows}, endpoints {_loadBalancerOptions.Endpoints}, protocol {Word(_options.Protocol)}, IP {Word(_options.Ip)}, bytes {_options.Sizes}, burst {_options.Burst}, {pace}, {_result.Elapsed.TotalSeconds:0.0} s, seed {_loadBalancerOptions.Seed}"));
        output.WriteLine(Text($"sent {_result.Sent}, returned {_result.Returned}, lost {_result.Lost} ({_result.LossPercent:0.####} %)"));
        foreach ((string reason, long count) in _result.LossByReason())
            output.WriteLine(Text($"  lost by {reason}: {count}"));
        output.WriteLine(Text($"{_result.PacketsPerSecond:0} packets/s, {_result.GigabitsPerSecond:0.000} Gbit/s of inner packets"));
        output.WriteLine("latency in microseconds: " + string.Join(", ", LatencyMicroseconds().Select(latency => Text($"{latency.Key} {latency.Value:0.0}"))));
        if (_result.Cases is { } cases && cases.Snapshot().Any(count => count.Value != 0))
            output.WriteLine("cases: " + string.Join(", ", cases.Snapshot().Where(count => count.Value != 0).Select(count => Text($"{count.Key} {count.Value}"))));
        output.WriteLine("counters: " + string.Join(", ", _metrics.Where(metric => metric.Value != 0).Select(metric => Text($"{metric.Key} {metric.Value}"))));
        output.WriteLine(Objections.Count == 0 ? "verdict: good" : "verdict: NOT GOOD: " + string.Join("; ", Objections));
    }

    public object ToJson() => new
    {
        mode = "blast",
        good = Objections.Count == 0,
        objections = Objections,
        flows = _options.Flows,
        endpoints = _loadBalancerOptions.Endpoints,
        protocol = Word(_options.Protocol),
        ip = Word(_options.Ip),
        sizes = _options.Sizes.ToString(),
        burst = _options.Burst,
        rate = _options.Rate,
        window = _options.Rate is null ? _options.Window : (int?)null,
        seed = _loadBalancerOptions.Seed,
        seconds = _result.Elapsed.TotalSeconds,
        sent = _result.Sent,
        returned = _result.Returned,
        lost = _result.Lost,
        lossPercent = _result.LossPercent,
        lossByReason = _result.LossByReason(),
        packetsPerSecond = _result.PacketsPerSecond,
        gigabitsPerSecond = _result.GigabitsPerSecond,
        latencyMicroseconds = LatencyMicroseconds(),
        cases = _result.Cases?.Snapshot(),
        counters = _metrics,
    };

    private Dictionary<string, double> LatencyMicroseconds()
    {
        Dictionary<string, double> latencies = _quantiles.ToDictionary(quantile => quantile.Name, quantile => _result.Latency.Quantile(quantile.Share) / 1e3);
        latencies["max"] = _result.Latency.Max / 1e3;
        return latencies;
    }

    private static string Word(Enum value) => value.ToString().ToLowerInvariant();

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
