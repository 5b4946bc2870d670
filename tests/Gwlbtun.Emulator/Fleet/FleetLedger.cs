namespace Gwlbtun.Emulator.Fleet;

/// <summary>What became of a phase's packets on one target.</summary>
internal sealed class TargetCounts
{
    /// <summary>Flows that began on it.</summary>
    public long Opened { get; set; }

    /// <summary>Flows that came from another target.</summary>
    public long MovedIn { get; set; }

    public long Sent { get; set; }

    public long Returned { get; set; }

    public long Lost => Sent - Returned;
}

/// <summary>A part of a run, from one packet on.</summary>
internal sealed record Phase(string Name, long FirstNumber, TargetCounts[] Targets);

/// <summary>Counts by phase and target, and the flows that lost packets. A packet counts in the phase in which it was sent. One thread uses it.</summary>
internal sealed class FleetLedger
{
    private readonly List<Phase> _phases = [];
    private readonly List<FleetFlow> _lossy = [];
    private readonly long[] _carried;

    public FleetLedger(int targets)
    {
        _carried = new long[targets];
        Begin("start", firstNumber: 0);
    }

    public IReadOnlyList<Phase> Phases => _phases;

    /// <summary>Flows that lost packets.</summary>
    public IReadOnlyList<FleetFlow> Lossy => _lossy;

    /// <summary>Packets that came back, rightly, from a target that their flow had left meanwhile.</summary>
    public long ReturnedByFormer { get; private set; }

    /// <summary>Flows that are on a target now.</summary>
    public long CarriedBy(int target) => _carried[target];

    public void Begin(string phase, long firstNumber) =>
        _phases.Add(new Phase(phase, firstNumber, [.. _carried.Select(_ => new TargetCounts())]));

    /// <summary>Enters a packet that is sent on a leg, which is the flow's first one, a new one, or where it has been.</summary>
    public void Sent(Leg leg, Leg? before)
    {
        TargetCounts counts = _phases[^1].Targets[leg.Target];
        counts.Sent++;
        leg.Sent++;
        if (leg.Target == before?.Target)
            return;
        _carried[leg.Target]++;
        if (before is null)
        {
            counts.Opened++;
        }
        else
        {
            counts.MovedIn++;
            _carried[before.Target]--;
        }
    }

    /// <summary>Enters a packet that has come back on a leg of its flow.</summary>
    public void Returned(FleetFlow flow, Leg leg, long packet)
    {
        leg.Returned++;
        _phases.FindLast(phase => phase.FirstNumber <= packet)!.Targets[leg.Target].Returned++;
        if (leg.Target != flow.Current!.Target)
            ReturnedByFormer++;
    }

    /// <summary>Takes a flow from its target: it has ended.</summary>
    public void Ended(FleetFlow flow)
    {
        _carried[flow.Current!.Target]--;
        Conclude(flow);
    }

    /// <summary>Nothing more of the flow will come back.</summary>
    public void Conclude(FleetFlow flow)
    {
        if (flow.Lost > 0)
            _lossy.Add(flow);
    }
}
