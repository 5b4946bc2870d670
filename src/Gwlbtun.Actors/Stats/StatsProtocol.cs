using Gwlbtun.Native.Forwarding;

namespace Gwlbtun.Actors.Stats;

/// <summary>What <see cref="StatsActor"/> understands.</summary>
public interface IStatsMessage;

/// <summary>Report on the handler. The sender gets a <see cref="GatewayReport"/>.</summary>
public sealed record GetReport : IStatsMessage
{
    /// <summary>The message.</summary>
    public static readonly GetReport Instance = new();
}

/// <summary>The handler is stopping: every report says so from now on.</summary>
public sealed record ShutdownBegun : IStatsMessage
{
    /// <summary>The message.</summary>
    public static readonly ShutdownBegun Instance = new();
}

/// <summary>How far an endpoint's tunnel is.</summary>
public enum EniState
{
    /// <summary>Its devices are made, its CREATE hook runs; packets wait.</summary>
    Creating,

    /// <summary>It carries traffic.</summary>
    Live,

    /// <summary>It is taken down; packets wait, or are dropped when the handler stops.</summary>
    Retiring,

    /// <summary>It failed and is made anew; packets wait.</summary>
    Rebuilding,

    /// <summary>It failed too often; packets are dropped.</summary>
    Parked,
}

/// <summary>An endpoint came, or its state changed.</summary>
/// <param name="Gate">The endpoint, whose counters may be read until <see cref="EniForgotten"/>.</param>
/// <param name="State">Its state.</param>
/// <param name="Problem">What is wrong with it; null when nothing is.</param>
/// <param name="Restarts">How often its tunnel was rebuilt.</param>
internal sealed record EniStateChanged(EniGate Gate, EniState State, string? Problem, int Restarts) : IStatsMessage;

/// <summary>An endpoint goes. The sender gets <see cref="EniForgotten"/>, and may dispose the gate then.</summary>
internal sealed record ForgetEni(EniGate Gate) : IStatsMessage;

/// <summary>The endpoint's counters are not read any more; its drops have been added to the totals.</summary>
internal sealed record EniForgotten(EniGate Gate);

/// <summary>These are the receive threads now. The sender gets <see cref="ThreadForgotten"/> when one of them was replaced.</summary>
internal sealed record ReceiveThreadsChanged(IReadOnlyList<ReceiveThread> Threads, ReceiveThread? Replaced) : IStatsMessage;

/// <summary>These are the tunnel threads now. The sender gets <see cref="ThreadForgotten"/> when one of them was replaced.</summary>
internal sealed record TunnelThreadsChanged(IReadOnlyList<TunnelThread> Threads, TunnelThread? Replaced) : IStatsMessage;

/// <summary>The thread's counters are not read any more: it may be disposed.</summary>
internal sealed record ThreadForgotten(DataThread Thread);

/// <summary>Read no counters any more: the data plane is about to be freed. The sender gets <see cref="ReportsEnded"/>.</summary>
internal sealed record EndReports : IStatsMessage;

/// <summary>No counter is read any more.</summary>
internal sealed record ReportsEnded;
