using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Network;

namespace Gwlbtun.Comparison.Tests;

/// <summary>Options for what never starts a handler.</summary>
internal static class SomeOptions
{
    public static ComparisonOptions For(int pairs, string? peer, params IReadOnlyList<BenchmarkCase> cases) => new()
    {
        Gwlbtun = "gwlbtun",
        Peer = peer,
        Cases = cases,
        Topologies = [Topology.Nic],
        Pairs = pairs,
        Duration = TimeSpan.FromSeconds(1),
        WarmUp = TimeSpan.Zero,
        Scripts = "",
        Output = "",
        Prefix = "",
    };
}
