using Gwlbtun.Emulator.Blasting;

namespace Gwlbtun.Comparison.Cases;

/// <summary>What becomes of the packets behind the handler.</summary>
internal enum CaseKind
{
    /// <summary>Routed from gwi straight back out of gwo.</summary>
    Hairpin,

    /// <summary>Handed from gwi straight to gwo below the IP stack.</summary>
    Bridged,

    /// <summary>Out by a second leg with NAT to a server that echoes, and back.</summary>
    Nat,

    /// <summary>Counted at gwi, and not returned.</summary>
    NoReturn,

    /// <summary>iperf3 between two real network stacks, through the emulated load balancer.</summary>
    Iperf,
}

/// <summary>One kind of traffic to measure with.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Description">What it is, in a few words.</param>
internal sealed record BenchmarkCase(string Name, string Description)
{
    public CaseKind Kind { get; init; }

    public int Flows { get; init; } = 64;

    /// <summary>Inner packet sizes in bytes, IP header included.</summary>
    public SizeMix Sizes { get; init; } = SizeMix.Parse("128");

    /// <summary>TCP segments in sequence, with ACK; otherwise UDP.</summary>
    public bool IsTcp { get; init; }

    public bool IsIpv6 { get; init; }

    /// <summary>Consecutive packets of one flow, sent as one super-packet: what a network card's receive offload would have merged.</summary>
    public int Burst { get; init; } = 1;

    /// <summary>Endpoints that the flows are spread over.</summary>
    public int Endpoints { get; init; } = 1;

    /// <summary>Packets per second; null is a closed loop.</summary>
    public double? Rate { get; init; }

    /// <summary>Whether ours has to collect all its garbage, in every generation, once a second.</summary>
    public bool CollectsEverySecond { get; init; }

    /// <summary>Packets on their way at a time in a closed loop: few enough for nothing to be lost.</summary>
    public int Window { get; init; } = 512;
}
