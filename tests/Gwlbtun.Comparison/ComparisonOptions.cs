using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Network;

namespace Gwlbtun.Comparison;

/// <summary>What to compare, and how long.</summary>
internal sealed record ComparisonOptions
{
    /// <summary>Our executable.</summary>
    public required string Gwlbtun { get; init; }

    /// <summary>The other handler's; null for ours alone.</summary>
    public string? Peer { get; init; }

    public required IReadOnlyList<BenchmarkCase> Cases { get; init; }

    public required IReadOnlyList<Topology> Topologies { get; init; }

    /// <summary>Alternating runs of each subject and case.</summary>
    public required int Pairs { get; init; }

    /// <summary>Length of a run.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>How long the load runs before it is measured.</summary>
    public required TimeSpan WarmUp { get; init; }

    /// <summary>Fewer and shorter runs than figures to be quoted need.</summary>
    public bool IsQuick { get; init; }

    /// <summary>The folder of the example scripts.</summary>
    public required string Scripts { get; init; }

    /// <summary>Where JSON and SVG go.</summary>
    public required string Output { get; init; }

    /// <summary>Of the names of the namespaces.</summary>
    public required string Prefix { get; init; }
}
