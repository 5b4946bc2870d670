using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Stats;

/// <summary>Makes a report from its sources. Changes nothing in them.</summary>
internal static class ReportBuilder
{
    public static GatewayReport Build(ReportSources sources)
    {
        var now = Environment.TickCount64;
        var problems = Problems(sources);
        return new GatewayReport(
            Healthy: problems.Count == 0,
            problems,
            (ushort)sources.Options.Listen.Port,
            [.. sources.Receivers.Threads.Select(thread => Thread(thread, sources.Receivers.CountersOf(thread), now))],
            [.. sources.Enis.Select(eni => Eni(eni, sources, now))],
            ByReason(sources.Drops()),
            new HookReport(sources.Hooks.Run, sources.Hooks.Failed, sources.Hooks.TimedOut),
            ProcessReport.Current());
    }

    private static List<string> Problems(ReportSources sources)
    {
        var problems = new List<string>();
        if (sources.IsStopping)
            problems.Add(GatewayReport.ShuttingDown);
        if (sources.Receivers.Threads.Count == 0 || sources.TunnelThreads.Threads.Count == 0)
            problems.Add("The handler is starting.");
        problems.AddRange(sources.Receivers.Threads.Where(IsDead).Select(thread => $"Receive thread {thread.Index} has died."));
        problems.AddRange(sources.TunnelThreads.Threads.Where(IsDead).Select(thread => $"Tunnel thread {thread.Index} has died."));
        problems.AddRange(sources.Enis
            .Where(eni => eni.Last.Problem is not null)
            .Select(eni => $"ENI {EniName.Hex17(eni.Last.Gate.EniId)} is {Word(eni.Last.State)}: {eni.Last.Problem}."));
        return problems;

        // While the handler stops, threads end as they should.
        bool IsDead(DataThread thread) => !thread.IsAlive && !sources.IsStopping;
    }

    private static EniReport Eni(EniNote eni, ReportSources sources, long now)
    {
        var gate = eni.Last.Gate;
        var drops = new ulong[DropReasons.Count];
        gate.AddDropsTo(drops);
        var byReason = ByReason(drops);
        var delivered = gate.Counters.Delivered;
        var threads = sources.TunnelThreads.Threads;
        var ingress = new InterfaceReport(
            EniName.IngressDevice(gate.EniId),
            delivered.Packets,
            delivered.Bytes,
            SecondsSince(delivered.LastMs, now),
            [.. threads.Select(thread => Thread(thread, gate.Counters.ReadFromIngress(thread.Index), now))]);
        // Nothing is ever written into the egress device: the C++ handler's zeros, which parsers may expect.
        var egress = sources.Options.ReturnTraffic
            ? new InterfaceReport(
                EniName.EgressDevice(gate.EniId), 0, 0, null, [.. threads.Select(thread => Thread(thread, gate.Counters.ReadFromEgress(thread.Index), now))])
            : null;
        return new EniReport(
            gate.EniId, Word(eni.Last.State), eni.Last.Problem, ingress, egress, FlowCaches(gate.Matcher?.Flows, sources.Options.Flows), DropCounts.Lost(byReason), byReason, eni.Last.Restarts)
        {
            FlowTable = Matching(gate.Matcher?.Flows),
            Fragments = Matching(gate.Matcher?.Fragments),
            Netns = gate.Namespace?.Name,
            AgeSeconds = (now - eni.FirstSeenMs) / 1000.0,
        };
    }

    private static ThreadReport Thread(DataThread thread, CounterSnapshot counters, long now) =>
        new(thread.Index, thread.ThreadId, thread.IsAlive, counters.Packets, counters.Bytes, SecondsSince(counters.LastMs, now));

    private static MatchingReport? Matching(FlowTable? table)
    {
        if (table is null)
            return null;
        var size =
            from family in Enum.GetValues<FlowFamily>()
            from protocol in Enum.GetValues<FlowProtocol>()
            select table.Count(family, protocol);
        return new MatchingReport(size.Sum(), table.Evicted, table.MemoryBytes);
    }

    private static FlowCacheReport[] FlowCaches(FlowTable? flows, FlowTableOptions options)
    {
        if (flows is null)
            return [];
        var families = new[] { (FlowFamily.V4, "v4"), (FlowFamily.V6, "v6") };
        var protocols = new[] { (FlowProtocol.Tcp, options.TcpIdle), (FlowProtocol.Udp, options.UdpIdle), (FlowProtocol.Other, options.OtherIdle) };
        return
        [
            .. from family in families
               from protocol in protocols
               select new FlowCacheReport(
                   family.Item2, protocol.Item1.ToString(), flows.Count(family.Item1, protocol.Item1), flows.TimedOut(family.Item1, protocol.Item1), (int)protocol.Item2.TotalSeconds),
        ];
    }

    private static Dictionary<DropReason, ulong> ByReason(ulong[] drops)
    {
        var byReason = new Dictionary<DropReason, ulong>();
        for (var reason = (int)DropReason.None + 1; reason < drops.Length; reason++)
            byReason.Add((DropReason)reason, drops[reason]);
        return byReason;
    }

    private static double? SecondsSince(long lastMs, long now) => lastMs == 0 ? null : Math.Max(0, now - lastMs) / 1000.0;

    private static string Word(EniState state) => state switch
    {
        EniState.Creating => "creating",
        EniState.Live => "live",
        EniState.Retiring => "retiring",
        EniState.Rebuilding => "rebuilding",
        _ => "parked",
    };
}
