using Gwlbtun.Emulator.Blasting;

namespace Gwlbtun.Comparison.Load;

/// <summary>What a load showed.</summary>
internal sealed record LoadResult
{
    /// <summary>Datagrams sent.</summary>
    public required long Sent { get; init; }

    /// <summary>Came back right, up to the last one waited for.</summary>
    public required long Returned { get; init; }

    /// <summary>Came back right while still sending, per second.</summary>
    public required double PacketsPerSecond { get; init; }

    /// <summary>Inner bytes of those, per second.</summary>
    public required double GigabitsPerSecond { get; init; }

    public required LatencyHistogram Latency { get; init; }

    /// <summary>What was wrong, by verdict; empty when nothing was.</summary>
    public required IReadOnlyDictionary<string, long> Faults { get; init; }

    /// <summary>Why the load itself was not as intended; null when it was.</summary>
    public string? SendFault { get; init; }

    public long Wrong => Faults.Values.Sum();

    public long Lost => Math.Max(Sent - Returned - Wrong, 0);
}
