using Gwlbtun.Emulator.Judging;

namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>Counters of the load balancer, under CloudWatch's names where it has one. Written by one thread.</summary>
internal sealed class LoadBalancerMetrics
{
    public long ActiveFlowCount { get; set; }

    public long PeakFlowCount { get; private set; }

    public long NewFlowCount { get; private set; }

    /// <summary>Flows that went from a target that gave them up to another one.</summary>
    public long RebalancedFlowCount { get; set; }

    /// <summary>Inner bytes sent to targets and accepted from them.</summary>
    public long ProcessedBytes { get; set; }

    /// <summary>Packets not sent because no target was in service for their new flow.</summary>
    public long NoHealthyTarget { get; set; }

    /// <summary>TCP packets not sent because they belong to no flow and open none.</summary>
    public long NoFlowForData { get; set; }

    public void Opened()
    {
        NewFlowCount++;
        ActiveFlowCount++;
        PeakFlowCount = Math.Max(PeakFlowCount, ActiveFlowCount);
    }

    /// <summary>All of it by name, with the faults that were judged and the targets' states.</summary>
    public IReadOnlyDictionary<string, long> Snapshot(Judgements judgements, IReadOnlyList<Target> targets)
    {
        Dictionary<string, long> values = new()
        {
            [nameof(ActiveFlowCount)] = ActiveFlowCount,
            [nameof(NewFlowCount)] = NewFlowCount,
            [nameof(PeakFlowCount)] = PeakFlowCount,
            [nameof(RebalancedFlowCount)] = RebalancedFlowCount,
            [nameof(ProcessedBytes)] = ProcessedBytes,
            ["HealthyHostCount"] = targets.Count(target => target.IsHealthy),
            ["UnHealthyHostCount"] = targets.Count(target => !target.IsHealthy),
            [nameof(NoHealthyTarget)] = NoHealthyTarget,
            [nameof(NoFlowForData)] = NoFlowForData,
        };
        foreach ((string name, long count) in judgements.Faults())
            values[name] = count;
        return values;
    }
}
