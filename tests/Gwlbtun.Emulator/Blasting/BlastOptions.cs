using Gwlbtun.Emulator.Blasting.Cases;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>Protocols of the generated flows; a mix takes them in turn.</summary>
internal enum BlastProtocol
{
    Udp,
    Tcp,
    Icmp,
    Mix,
}

/// <summary>IP versions of the generated flows; a mix has both.</summary>
internal enum BlastIp
{
    V4,
    V6,
    Mix,
}

/// <summary>What traffic to generate.</summary>
internal sealed record BlastOptions
{
    /// <summary>Flows at a time, 1 to <see cref="InnerAddresses.MaximumFlows"/>.</summary>
    public int Flows { get; init; } = 64;

    /// <summary>Inner packet sizes; raised to what the headers and a packet number need.</summary>
    public SizeMix Sizes { get; init; } = SizeMix.Parse("128");

    public BlastProtocol Protocol { get; init; }

    public BlastIp Ip { get; init; }

    /// <summary>Consecutive packets of one flow.</summary>
    public int Burst { get; init; } = 1;

    /// <summary>Bursts after which a flow ends and another takes its place; null is never.</summary>
    public int? Lifetime { get; init; }

    /// <summary>Packets per second; null is a closed loop.</summary>
    public double? Rate { get; init; }

    /// <summary>Packets on their way at a time, in a closed loop.</summary>
    public int Window { get; init; } = 512;

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Ends earlier, after so many packets.</summary>
    public long? Packets { get; init; }

    /// <summary>Percent of the packets that may stay away.</summary>
    public double MaximumLoss { get; init; }

    /// <summary>What the traffic has beyond whole packets of flows that keep their header; null is nothing.</summary>
    public CaseOptions? Cases { get; init; }

    /// <summary>
    /// How long packets may stay away: a closed loop then gives up those on their way and goes on, and at the end no more of them are waited for.
    /// Each one that comes begins it anew.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(2);
}
