using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Fleet;

/// <summary>Says in a line when a target's status changes, and when it has its first flow or no flow any more. One thread uses it.</summary>
internal sealed class TargetWatch(TargetGroup targets, FleetLedger ledger, TextWriter output)
{
    private readonly (TargetStatus Status, bool HasFlows)?[] _seen = new (TargetStatus, bool)?[targets.Targets.Count];

    public void Look(long nowMs)
    {
        for (int i = 0; i < _seen.Length; i++)
        {
            long flows = ledger.CarriedBy(i);
            (TargetStatus Status, bool HasFlows) now = (targets.StatusOf(targets[i], nowMs), flows > 0);
            if (now == _seen[i])
                continue;
            _seen[i] = now;
            output.WriteLine($"target {targets[i].Address} {now.Status.ToString().ToLowerInvariant()}, {flows} flows");
        }
    }
}
