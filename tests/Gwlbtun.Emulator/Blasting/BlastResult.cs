using System.Globalization;
using Gwlbtun.Emulator.Blasting.Cases;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>What a run showed.</summary>
internal sealed record BlastResult
{
    public required TimeSpan Elapsed { get; init; }

    public required long Sent { get; init; }

    /// <summary>Came back right.</summary>
    public required long Returned { get; init; }

    /// <summary>Returned while still sending, per second.</summary>
    public required double PacketsPerSecond { get; init; }

    /// <summary>Inner bytes returned while still sending, per second.</summary>
    public required double GigabitsPerSecond { get; init; }

    public required LatencyHistogram Latency { get; init; }

    public required Judgements Judgements { get; init; }

    public required long SendErrors { get; init; }

    public required LinuxError LastSendError { get; init; }

    /// <summary>Datagrams that the emulator's own socket had no room for: its fault, not the appliance's.</summary>
    public required uint ReceiveOverflows { get; init; }

    /// <summary>What was sent beyond whole packets.</summary>
    public CaseCounts? Cases { get; init; }

    public long Lost => Sent - Returned;

    public double LossPercent => Sent == 0 ? 0 : 100.0 * Lost / Sent;

    /// <summary>Where the lost ones went.</summary>
    public IReadOnlyDictionary<string, long> LossByReason()
    {
        Dictionary<string, long> reasons = Judgements.Faults()
            .Where(fault => fault.Value != 0 && fault.Key is not (nameof(Judgement.Duplicated) or nameof(Judgement.Reordered)))
            .ToDictionary();
        if (ReceiveOverflows != 0)
            reasons["EmulatorReceiveOverflow"] = ReceiveOverflows;
        long silent = Lost - reasons.Values.Sum();
        if (silent > 0)
            reasons["NotReturned"] = silent;
        return reasons;
    }

    /// <summary>Why the run is not good; empty when it is.</summary>
    public IReadOnlyList<string> Objections(IReadOnlySet<Judgement> allowed, double maximumLoss)
    {
        List<string> objections = [.. Judgements.Objections(allowed)];
        if (Sent == 0)
            objections.Add("nothing was sent");
        if (Cases is not null)
            objections.AddRange(Cases.Objections());
        if (SendErrors != 0)
            objections.Add(string.Create(CultureInfo.InvariantCulture, $"{SendErrors} packets could not be sent, the last for {LastSendError}"));
        if (LossPercent > maximumLoss)
            objections.Add(string.Create(CultureInfo.InvariantCulture, $"{LossPercent:0.####} % lost where {maximumLoss:0.####} % may be"));
        return objections;
    }
}
