namespace Gwlbtun.Comparison.Measuring;

/// <summary>The figures of one run. Null is what the case or the subject does not have.</summary>
internal sealed record Measurement
{
    /// <summary>What the host may take of the processors' time before a run counts as disturbed.</summary>
    public const double MostStolen = 0.02;

    public double? PacketsPerSecond { get; init; }

    /// <summary>Whether it can be compared with another: nothing at all is no figure.</summary>
    public bool HasFigures => PacketsPerSecond > 0;

    /// <summary>Of inner packets.</summary>
    public double? GigabitsPerSecond { get; init; }

    /// <summary>The handler's own CPU time for each packet.</summary>
    public double? HandlerMicroseconds { get; init; }

    /// <summary>The whole machine's busy CPU time for each packet, the load generator's included.</summary>
    public double? MachineMicroseconds { get; init; }

    public double? P50Microseconds { get; init; }

    public double? P99Microseconds { get; init; }

    public double? ResidentMegabytes { get; init; }

    /// <summary>The part of the processors' time that the host of this virtual machine took away, 0 to 1.</summary>
    public double StolenShare { get; init; }

    /// <summary>Whether that was so much that the run's whole pair is to be measured again.</summary>
    public bool IsDisturbed => StolenShare > MostStolen;

    public long Sent { get; init; }

    public long Returned { get; init; }

    public long Lost { get; init; }

    /// <summary>Who says that he has dropped packets, where some were lost.</summary>
    public IReadOnlyDictionary<string, long> LossSites { get; init; } = new Dictionary<string, long>();

    public long Wrong { get; init; }

    /// <summary>How many were wrong in which way.</summary>
    public IReadOnlyDictionary<string, long> Faults { get; init; } = new Dictionary<string, long>();

    /// <summary>Why the run gave no figures, or figures that do not count; null when it was as it should be.</summary>
    public string? Failure { get; init; }

    /// <summary>How often the handler ended before it was ready.</summary>
    public int FailedStarts { get; init; }
}
