using Gwlbtun.Emulator.Blasting;

namespace Gwlbtun.Comparison.Cases;

/// <summary>The cases that there are.</summary>
internal static class CaseCatalog
{
    // So many flows as the C++ project's published figures are of.
    private const int ManyFlows = 59_000;
    private const int EndpointFlows = 1_000;

    public static IReadOnlyList<BenchmarkCase> All { get; } =
    [
        new("small", "64 flows, 128 B UDP"),
        Many(64),
        Many(256),
        Many(1518),
        new("pairs", "4,096 flows, 512 B UDP, two at a time") { Flows = 4_096, Sizes = SizeMix.Parse("512"), Burst = 2 },
        Bulk(1400),
        Bulk(8400),
        new("imix", "1,000 flows, 64, 576 and 1400 B UDP as 7:4:1") { Flows = 1_000, Sizes = SizeMix.Parse("64:7,576:4,1400:1") },
        new("latency", "64 flows, 128 B UDP, 20,000 packets/s") { Rate = 20_000 },
        new("latency-gc", "the same with a full garbage collection of ours every second") { Rate = 20_000, CollectsEverySecond = true },
        OverEndpoints(1),
        OverEndpoints(20),
        OverEndpoints(100),
        OverEndpoints(100) with { Name = "enis-100-routed", Description = "the same with a routing rule for each endpoint", Kind = CaseKind.Hairpin },
        new("ipv6", "64 flows, 128 B UDP over IPv6") { IsIpv6 = true },
        new("nat", "64 flows, 128 B UDP, NAT to a server that echoes") { Kind = CaseKind.Nat },
        new("no-return", "64 flows, 128 B UDP, delivered only, 30,000 packets/s") { Kind = CaseKind.NoReturn, Rate = 30_000 },
        new("iperf3", "iperf3, 4 TCP connections, through the emulated load balancer") { Kind = CaseKind.Iperf },
    ];

    /// <exception cref="FormatException">There is no such case.</exception>
    public static BenchmarkCase Named(string name) => All.FirstOrDefault(one => one.Name == name)
        ?? throw new FormatException($"'{name}' is no case: there are {string.Join(", ", All.Select(one => one.Name))}.");

    private static BenchmarkCase Many(int size) => new($"many-{size}", $"59,000 flows, {size} B UDP") { Flows = ManyFlows, Sizes = SizeMix.Parse($"{size}") };

    private static BenchmarkCase Bulk(int size) => new($"bulk-{size}", $"64 TCP flows, {size} B segments, 40 at a time") { Sizes = SizeMix.Parse($"{size}"), IsTcp = true, Burst = 40 };

    // Handed over without routing, for Linux looks through the rules of all endpoints one by one for each packet.
    private static BenchmarkCase OverEndpoints(int endpoints) =>
        new($"enis-{endpoints}", $"1,000 flows, 128 B UDP, over {endpoints} endpoint{(endpoints == 1 ? "" : "s")}") { Flows = EndpointFlows, Endpoints = endpoints, Kind = CaseKind.Bridged };
}
