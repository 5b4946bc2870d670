using System.Net;

namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>The targets: which one a new flow gets, and how long that one keeps it. One thread uses it.</summary>
internal sealed class TargetGroup(LoadBalancerOptions options)
{
    private readonly Target[] _targets = [.. options.Appliances.Select(address => new Target(address))];

    public IReadOnlyList<Target> Targets => _targets;

    public Target this[int index] => _targets[index];

    /// <summary>Whether an address, as it stands in memory, is a target's.</summary>
    public bool Contains(uint address)
    {
        foreach (Target target in _targets)
        {
            if (target.NetworkOrder == address)
                return true;
        }

        return false;
    }

    /// <summary>The target with this address, or null.</summary>
    public Target? Find(IPAddress address) => _targets.FirstOrDefault(target => target.Address.Equals(address));

    /// <summary>Chooses a target for a flow.</summary>
    /// <returns>Its index, or -1 when none is in service.</returns>
    public int Pick(uint hash)
    {
        int chosen = Pick(hash, evenUnhealthy: false);
        return chosen < 0 && options.FailOpen ? Pick(hash, evenUnhealthy: true) : chosen;
    }

    /// <summary>Whether a target's flows are to go to other ones from now on.</summary>
    public bool GivesUpFlows(int index, long nowMs) =>
        options.Failover == Failover.Rebalance && StatusOf(_targets[index], nowMs) is TargetStatus.Unhealthy or TargetStatus.Unused;

    public TargetStatus StatusOf(Target target, long nowMs)
    {
        if (target.DeregisteredMs is { } since)
            return nowMs - since < (long)options.DeregistrationDelay.TotalMilliseconds ? TargetStatus.Draining : TargetStatus.Unused;
        return target.IsHealthy ? TargetStatus.Healthy : TargetStatus.Unhealthy;
    }

    private int Pick(uint hash, bool evenUnhealthy)
    {
        uint eligible = 0;
        foreach (Target target in _targets)
            eligible += IsEligible(target) ? 1u : 0;
        if (eligible == 0)
            return -1;

        uint before = hash % eligible;
        int chosen = -1;
        for (int i = 0; i < _targets.Length; i++)
        {
            if (!IsEligible(_targets[i]))
                continue;
            chosen = i;
            if (before-- == 0)
                break;
        }

        // When one has turned unhealthy meanwhile: the last one that has not.
        return chosen;

        bool IsEligible(Target target) => target.DeregisteredMs is null && (target.IsHealthy || evenUnhealthy);
    }
}
