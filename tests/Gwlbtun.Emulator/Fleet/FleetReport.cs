using System.Globalization;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Fleet;

/// <summary>A run in words for people, and in JSON for programs.</summary>
internal sealed class FleetReport(BlastOptions options, LoadBalancerOptions loadBalancerOptions, LoadBalancer loadBalancer, FleetLedger ledger, BlastResult result)
{
    private const int LossyFlowsShown = 20;

    private readonly IReadOnlyDictionary<string, long> _metrics = loadBalancer.Metrics.Snapshot(loadBalancer.Judgements, loadBalancer.Targets);

    /// <summary>Why the run is not good; empty when it is.</summary>
    public IReadOnlyList<string> Objections { get; } = result.Objections(loadBalancerOptions.Allowed, options.MaximumLoss);

    private long Opened => ledger.Phases.Sum(phase => phase.Targets.Sum(target => target.Opened));

    public void WriteText(TextWriter output)
    {
        output.WriteLine(Text($"flows {Opened}, {options.Flows} at a time, rate {options.Rate:0}, {result.Elapsed.TotalSeconds:0.0} s, seed {loadBalancerOptions.Seed}"));
        foreach (Phase phase in ledger.Phases)
        {
            output.WriteLine($"phase {phase.Name}");
            foreach ((Target target, TargetCounts counts) in loadBalancer.Targets.Zip(phase.Targets))
                output.WriteLine(Text($"  {target.Address}: {counts.Opened} flows opened, {counts.MovedIn} moved in; sent {counts.Sent}, returned {counts.Returned}, lost {counts.Lost}"));
        }

        output.WriteLine(Text($"sent {result.Sent}, returned {result.Returned}, lost {result.Lost}, of {ledger.Lossy.Count} flows; {ledger.ReturnedByFormer} returned by a target that their flow had left meanwhile"));
        foreach (FleetFlow flow in ledger.Lossy.Take(LossyFlowsShown))
            output.WriteLine("  lost of flow " + Text($"{flow.Number}: ") + string.Join(", then ", flow.Legs.Select(leg => Text($"{leg.Lost} of {leg.Sent} at {loadBalancer.Targets[leg.Target].Address}"))));
        output.WriteLine("counters: " + string.Join(", ", _metrics.Where(metric => metric.Value != 0).Select(metric => Text($"{metric.Key} {metric.Value}"))));
        output.WriteLine(Objections.Count == 0 ? "verdict: good" : "verdict: NOT GOOD: " + string.Join("; ", Objections));
    }

    public object ToJson() => new
    {
        mode = "fleet",
        good = Objections.Count == 0,
        objections = Objections,
        seed = loadBalancerOptions.Seed,
        seconds = result.Elapsed.TotalSeconds,
        flows = Opened,
        flowsWithLoss = ledger.Lossy.Count,
        sent = result.Sent,
        returned = result.Returned,
        lost = result.Lost,
        lossByReason = result.LossByReason(),
        returnedByFormer = ledger.ReturnedByFormer,
        longestMilliseconds = result.Latency.Max / 1e6,
        phases = ledger.Phases.Select(phase => new
        {
            name = phase.Name,
            targets = loadBalancer.Targets.Zip(phase.Targets).ToDictionary(pair => pair.First.Address.ToString(), pair => new
            {
                opened = pair.Second.Opened,
                movedIn = pair.Second.MovedIn,
                sent = pair.Second.Sent,
                returned = pair.Second.Returned,
                lost = pair.Second.Lost,
            }),
        }),
        counters = _metrics,
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
