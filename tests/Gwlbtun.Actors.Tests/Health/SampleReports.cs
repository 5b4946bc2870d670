using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Tests.Health;

/// <summary>Reports to render; the numbers are chosen so that no two fields look alike.</summary>
internal static class SampleReports
{
    public const ulong Eni = 0x0b8ee1d4db0c51c0;

    private static readonly Dictionary<DropReason, ulong> _noDrops = [];

    /// <summary>One endpoint with return traffic, and nothing to complain about.</summary>
    public static GatewayReport Healthy { get; } = new(
        true,
        [],
        6081,
        [new ThreadReport(0, 13685, true, 64, 10752, 0.043), new ThreadReport(1, 13686, true, 0, 0, null)],
        [EniWithReturnTraffic()],
        _noDrops,
        new HookReport(1, 0, 0),
        new ProcessReport("1.2.3", 13680, 61.5, 104857600));

    public static GatewayReport Empty { get; } = Healthy with { Receivers = [], Enis = [] };

    public static EniReport EniWithReturnTraffic() => new(
        Eni,
        "live",
        null,
        new InterfaceReport("gwi-1mCyRrMGsrI", 62, 8192, 0.044, [new ThreadReport(0, 13689, true, 2, 152, 3.5)]),
        new InterfaceReport("gwo-1mCyRrMGsrI", 0, 0, null, [new ThreadReport(0, 13689, true, 61, 8064, 0.045)]),
        [
            new FlowCacheReport("v4", "Tcp", 4, 10, 350),
            new FlowCacheReport("v4", "Udp", 5, 20, 120),
            new FlowCacheReport("v4", "Other", 6, 30, 120),
            new FlowCacheReport("v6", "Tcp", 7, 40, 350),
            new FlowCacheReport("v6", "Udp", 8, 50, 120),
            new FlowCacheReport("v6", "Other", 9, 60, 120),
        ],
        0,
        _noDrops,
        0)
    {
        FlowTable = new MatchingReport(39, 0, 65536),
        Fragments = new MatchingReport(0, 0, 32768),
        AgeSeconds = 4.25,
    };

    public static EniReport EniWithoutReturnTraffic() => EniWithReturnTraffic() with { Out = null, FlowCaches = [], FlowTable = null, Fragments = null };

    /// <summary>What can be wrong, is.</summary>
    public static GatewayReport Failing { get; } = Healthy with
    {
        Healthy = false,
        Problems = ["Receive thread 1 died: <boom>", "ENI 00b8ee1d4db0c51c0 is parked: gwi-1mCyRrMGsrI cannot be opened: EBUSY."],
        Receivers = [new ThreadReport(0, 13685, true, 64, 10752, 0.043), new ThreadReport(1, 13686, false, 3, 504, 12)],
        Enis =
        [
            EniWithReturnTraffic() with
            {
                State = "parked",
                Problem = "gwi-1mCyRrMGsrI cannot be opened: EBUSY",
                Restarts = 10,
                FlowTable = new MatchingReport(39, 11, 65536),
                Fragments = new MatchingReport(21, 12, 32768),
                PacketsDropped = 7,
                Drops = new Dictionary<DropReason, ulong> { [DropReason.EniParked] = 7, [DropReason.KernelChatter] = 2 },
            },
        ],
        Drops = new Dictionary<DropReason, ulong>
        {
            [DropReason.NoFlow] = 0,
            [DropReason.KernelChatter] = 2,
            [DropReason.EniParked] = 7,
            [DropReason.GeneveTruncated] = 1,
        },
        Hooks = new HookReport(12, 3, 1),
    };
}
