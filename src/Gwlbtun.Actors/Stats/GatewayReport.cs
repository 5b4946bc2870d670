using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Stats;

/// <summary>
/// What the handler says about itself at one moment: read from the data threads' counters without disturbing them,
/// rendered by the health endpoint.
/// </summary>
/// <param name="Healthy">Whether the load balancer should go on choosing this target.</param>
/// <param name="Problems">Why not, in one sentence each; empty when it is.</param>
/// <param name="Port">UDP port that Geneve is received on.</param>
/// <param name="Receivers">The receive threads, by number.</param>
/// <param name="Enis">One entry per endpoint seen and not yet retired.</param>
/// <param name="Drops">Packets refused since start, by reason, over all endpoints and those of no endpoint.</param>
/// <param name="Hooks">What became of the hook scripts.</param>
/// <param name="Process">The process itself.</param>
public sealed record GatewayReport(
    bool Healthy,
    IReadOnlyList<string> Problems,
    ushort Port,
    IReadOnlyList<ThreadReport> Receivers,
    IReadOnlyList<EniReport> Enis,
    IReadOnlyDictionary<DropReason, ulong> Drops,
    HookReport Hooks,
    ProcessReport Process)
{
    /// <summary>The problem that every report names once shutdown has begun.</summary>
    public const string ShuttingDown = "The handler is shutting down.";

    /// <summary>The report to show when there is none to be had: unhealthy, with the reason, and otherwise empty.</summary>
    /// <param name="problem">Why there is no report.</param>
    public static GatewayReport Unavailable(string problem) => new(
        false, [problem], 0, [], [], new Dictionary<DropReason, ulong>(), new HookReport(0, 0, 0), ProcessReport.Current());
}

/// <summary>One data thread, or one data thread's share of a tunnel interface.</summary>
/// <param name="Number">Its number, from 0.</param>
/// <param name="ThreadId">Its kernel thread ID, as in /proc/PID/task.</param>
/// <param name="Healthy">Whether it is running.</param>
/// <param name="Packets">Packets received since start.</param>
/// <param name="Bytes">Bytes received since start: Geneve header and inner packet at a receive thread, inner packets at a tunnel interface.</param>
/// <param name="SecondsSinceLastPacket">Null before the first packet; it is then shown as counted from the start.</param>
public sealed record ThreadReport(
    int Number, int ThreadId, bool Healthy, ulong Packets, ulong Bytes, double? SecondsSinceLastPacket);

/// <summary>What became of the hook scripts since start.</summary>
/// <param name="Run">Hooks that ended, or could not be started.</param>
/// <param name="Failed">Of these, how many could not be started, or ended by a signal or with an exit code other than 0.</param>
/// <param name="TimedOut">Of these, how many were ended because they took too long.</param>
public sealed record HookReport(ulong Run, ulong Failed, ulong TimedOut);
