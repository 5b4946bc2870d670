using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Stats;

/// <summary>One endpoint and its tunnel.</summary>
/// <param name="EniId">The 64-bit endpoint ID of the Geneve option.</param>
/// <param name="State">The state of its tunnel, in one word.</param>
/// <param name="Problem">What is wrong with it; null when nothing is.</param>
/// <param name="In">The interface that its traffic is written to.</param>
/// <param name="Out">The interface that traffic is returned on; null without return traffic.</param>
/// <param name="FlowCaches">Known flows by family and protocol; empty without return traffic.</param>
/// <param name="PacketsDropped">Packets lost, see <see cref="DropCounts.Lost"/>.</param>
/// <param name="Drops">Refusals by reason since start.</param>
/// <param name="Restarts">How often its tunnel was rebuilt after a failure.</param>
public sealed record EniReport(
    ulong EniId,
    string State,
    string? Problem,
    InterfaceReport In,
    InterfaceReport? Out,
    IReadOnlyList<FlowCacheReport> FlowCaches,
    ulong PacketsDropped,
    IReadOnlyDictionary<DropReason, ulong> Drops,
    int Restarts)
{
    /// <summary>What the flows take and lose; null without return traffic.</summary>
    public MatchingReport? FlowTable { get; init; }

    /// <summary>The same of what is remembered of fragments.</summary>
    public MatchingReport? Fragments { get; init; }

    /// <summary>The name of the network namespace of its own that its interfaces are in; null when they are in the handler's.</summary>
    public string? Netns { get; init; }

    /// <summary>Seconds since the endpoint was first seen; null when it is not known.</summary>
    public double? AgeSeconds { get; init; }

    /// <summary>Whether its tunnel works.</summary>
    public bool Healthy => Problem is null;
}

/// <summary>One tunnel interface.</summary>
/// <param name="Name">Its device name.</param>
/// <param name="PacketsOut">Packets written into it since start.</param>
/// <param name="BytesOut">Bytes written into it since start.</param>
/// <param name="SecondsSinceLastPacket">Since one was last written; null before the first, then shown as counted from the endpoint's first sight.</param>
/// <param name="Threads">What each tunnel thread has read from it.</param>
public sealed record InterfaceReport(
    string Name, ulong PacketsOut, ulong BytesOut, double? SecondsSinceLastPacket, IReadOnlyList<ThreadReport> Threads);

/// <summary>A table of one endpoint by which packets that return find their header.</summary>
/// <param name="Size">Flows, or fragmented packets, known now.</param>
/// <param name="Evicted">Those that gave way to others since start because the table was full.</param>
/// <param name="MemoryBytes">Native memory that the table takes.</param>
public sealed record MatchingReport(long Size, long Evicted, long MemoryBytes);

/// <summary>The flows of one endpoint that share family and protocol.</summary>
/// <param name="Family"><c>v4</c> or <c>v6</c>.</param>
/// <param name="Protocol"><c>Tcp</c>, <c>Udp</c> or <c>Other</c>.</param>
/// <param name="Size">Flows known now.</param>
/// <param name="TimedOut">Flows forgotten since start because they were idle.</param>
/// <param name="IdleTimeoutSeconds">After how long an idle flow is forgotten.</param>
public sealed record FlowCacheReport(string Family, string Protocol, long Size, long TimedOut, int IdleTimeoutSeconds);
