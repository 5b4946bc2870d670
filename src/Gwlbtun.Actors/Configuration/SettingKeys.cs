using System.Net;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Configuration;

/// <summary>
/// Every key there is, with its type and range. Its meaning is in hocon/gwlbtun.conf, its default too. A test holds
/// this list, that file and docs/configuration.md together.
/// </summary>
internal static class SettingKeys
{
    /// <summary>The kernel's bound of queues a TUN device (MAX_TAP_QUEUES, include/linux/if_tap.h); a tunnel thread has one each.</summary>
    public const int MaximumTunnelThreads = 256;

    public const int MaximumReceiveThreads = 1024;

    private const int MaximumPort = ushort.MaxValue;

    /// <summary>A TUN queue is one kmalloc of pointers, at most 4 MiB (include/linux/ptr_ring.h); half of what that holds.</summary>
    private const int MaximumQueueLength = 262_144;

    private const int MaximumFlows = 1_000_000_000;

    private const long KiB = 1L << 10;
    private const long GiB = 1L << 30;

    private static readonly TimeSpan _none = TimeSpan.Zero;
    private static readonly TimeSpan _millisecond = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _day = TimeSpan.FromDays(1);
    private static readonly TimeSpan _year = TimeSpan.FromDays(365);
    private static readonly List<SettingKey> _all = [];

    public static readonly SettingKey<int> GenevePort = Key("geneve.port", SettingTypes.Integer(1, MaximumPort));
    public static readonly SettingKey<IPAddress> GeneveBind = Key("geneve.bind", SettingTypes.IPv4Address);

    // The kernel doubles what SO_RCVBUF asks for and keeps it in an int (socket(7)).
    public static readonly SettingKey<long> GeneveReceiveBuffer = Key("geneve.receive-buffer", SettingTypes.Size(64 * KiB, GiB));
    public static readonly SettingKey<int> GeneveBatch = Key("geneve.batch", SettingTypes.Integer(1, 1024));
    public static readonly SettingKey<int> GeneveBusyPoll = Key("geneve.busy-poll", SettingTypes.Integer(0, 1_000_000));
    public static readonly SettingKey<bool> GeneveTakeover = Key("geneve.takeover", SettingTypes.Switch);

    public static readonly SettingKey<int?> ThreadsUdp = Key("threads.udp", SettingTypes.IntegerOrAuto(1, MaximumReceiveThreads));
    public static readonly SettingKey<IReadOnlyList<int>> ThreadsUdpAffinity = Key("threads.udp-affinity", SettingTypes.Cores(MaximumReceiveThreads));
    public static readonly SettingKey<int?> ThreadsTunnel = Key("threads.tunnel", SettingTypes.IntegerOrAuto(1, MaximumTunnelThreads));
    public static readonly SettingKey<IReadOnlyList<int>> ThreadsTunnelAffinity = Key("threads.tunnel-affinity", SettingTypes.Cores(MaximumTunnelThreads));
    public static readonly SettingKey<bool> ThreadsFused = Key("threads.fused", SettingTypes.Switch);
    public static readonly SettingKey<bool> ThreadsGather = Key("threads.gather", SettingTypes.Switch);
    public static readonly SettingKey<int> ThreadsNice = Key("threads.nice", SettingTypes.Integer(-20, 19));
    public static readonly SettingKey<int> ThreadsSpin = Key("threads.spin", SettingTypes.Integer(0, 1_000_000));

    // IPv6 needs 1280 (RFC 8200, section 5); an IP datagram and so a TUN device ends at 65535.
    public static readonly SettingKey<int> TunnelMtu = Key("tunnel.mtu", SettingTypes.Integer(1280, ushort.MaxValue));
    public static readonly SettingKey<bool> TunnelReturnTraffic = Key("tunnel.return-traffic", SettingTypes.Switch);
    public static readonly SettingKey<bool> TunnelManageRpFilter = Key("tunnel.manage-rp-filter", SettingTypes.Switch);
    public static readonly SettingKey<TimeSpan> TunnelIdleTimeout = Key("tunnel.idle-timeout", SettingTypes.Duration(_none, _year));
    public static readonly SettingKey<int> TunnelMaxEnis = Key("tunnel.max-enis", SettingTypes.Integer(1, 65536));
    public static readonly SettingKey<int> TunnelBudget = Key("tunnel.budget", SettingTypes.Integer(1, 4096));
    public static readonly SettingKey<int> TunnelQueueLength = Key("tunnel.queue-length", SettingTypes.Integer(1, MaximumQueueLength));
    public static readonly SettingKey<bool> TunnelSteering = Key("tunnel.steering", SettingTypes.Switch);
    public static readonly SettingKey<bool> TunnelNetns = Key("tunnel.netns", SettingTypes.Word(("off", false), ("per-endpoint", true)));
    public static readonly SettingKey<NamespacePattern> TunnelNetnsPattern = Key("tunnel.netns-pattern", SettingTypes.Text<NamespacePattern>(
        "a name of letters, digits, - . and _ with {vpce}, {eni} or {name} in it", NamespacePattern.TryParse));
    public static readonly SettingKey<bool> OffloadReceive = Key("tunnel.offload.receive", SettingTypes.Switch);
    public static readonly SettingKey<bool> OffloadSend = Key("tunnel.offload.send", SettingTypes.Switch);
    public static readonly SettingKey<bool> OffloadJoin = Key("tunnel.offload.join", SettingTypes.Switch);
    public static readonly SettingKey<bool> OffloadIntoTcp = Key("tunnel.offload.into-tcp", SettingTypes.Switch);
    public static readonly SettingKey<bool> OffloadIntoUdp = Key("tunnel.offload.into-udp", SettingTypes.Switch);
    public static readonly SettingKey<bool> OffloadOutOfTcp = Key("tunnel.offload.out-of-tcp", SettingTypes.Switch);
    public static readonly SettingKey<bool> OffloadOutOfUdp = Key("tunnel.offload.out-of-udp", SettingTypes.Switch);
    public static readonly SettingKey<int> HoldPacketsPerEni = Key("tunnel.hold.packets-per-eni", SettingTypes.Integer(1, 1_000_000));
    public static readonly SettingKey<long> HoldBytesPerEni = Key("tunnel.hold.bytes-per-eni", SettingTypes.Size(64 * KiB, GiB));
    public static readonly SettingKey<long> HoldBytesTotal = Key("tunnel.hold.bytes-total", SettingTypes.Size(64 * KiB, 16 * GiB));

    public static readonly SettingKey<TimeSpan> FlowsIdleTcp = Key("flows.idle-timeout.tcp", SettingTypes.Duration(_second, _year));
    public static readonly SettingKey<TimeSpan> FlowsIdleUdp = Key("flows.idle-timeout.udp", SettingTypes.Duration(_second, _year));
    public static readonly SettingKey<TimeSpan> FlowsIdleOther = Key("flows.idle-timeout.other", SettingTypes.Duration(_second, _year));
    public static readonly SettingKey<TimeSpan> FlowsTcpClosing = Key("flows.tcp-closing-timeout", SettingTypes.Duration(_none, _year));
    public static readonly SettingKey<int> FlowsMaxPerEni = Key("flows.max-per-eni", SettingTypes.Integer(1, MaximumFlows));
    public static readonly SettingKey<int> FlowsMaxTotal = Key("flows.max-total", SettingTypes.Integer(1, MaximumFlows));
    public static readonly SettingKey<bool> FlowsPrefetch = Key("flows.prefetch", SettingTypes.Switch);
    public static readonly SettingKey<int> FragmentsMaxPerEni = Key("flows.fragments.max-per-eni", SettingTypes.Integer(1, 1_000_000));
    public static readonly SettingKey<TimeSpan> FragmentsTimeout = Key("flows.fragments.timeout", SettingTypes.Duration(_second, _day));
    public static readonly SettingKey<TimeSpan> FragmentsWait = Key("flows.fragments.wait", SettingTypes.Duration(_none, TimeSpan.FromSeconds(10)));
    public static readonly SettingKey<IReadOnlyList<FlowReservation>> FlowsReserve = Key("flows.reserve", SettingTypes.ListOf(
        $"a reservation {FlowReservation.Syntax}",
        (string text, out FlowReservation reservation) => FlowReservation.TryParse(text, out reservation!)));

    public static readonly SettingKey<HookCommand?> HooksCreate = Key("hooks.create", SettingTypes.Hook);
    public static readonly SettingKey<HookCommand?> HooksDestroy = Key("hooks.destroy", SettingTypes.Hook);
    public static readonly SettingKey<IReadOnlyDictionary<string, string>> HooksEnvironment = Key("hooks.environment", SettingTypes.Variables);
    public static readonly SettingKey<TimeSpan> HooksTimeout = Key("hooks.timeout", SettingTypes.Duration(_millisecond, _day));
    public static readonly SettingKey<TimeSpan> HooksKillGrace = Key("hooks.kill-grace", SettingTypes.Duration(_none, _day));
    public static readonly SettingKey<int> HooksParallelism = Key("hooks.parallelism", SettingTypes.Integer(1, 1024));
    public static readonly SettingKey<CreateFailureAction> HooksOnCreateFailure = Key("hooks.on-create-failure", SettingTypes.Word(
        ("continue", CreateFailureAction.Continue), ("retire", CreateFailureAction.Retire)));

    public static readonly SettingKey<int> HealthPort = Key("health.port", SettingTypes.Integer(0, MaximumPort));
    public static readonly SettingKey<HealthFormat> HealthFormat = Key("health.format", SettingTypes.Word(
        ("text", Configuration.HealthFormat.Text), ("json", Configuration.HealthFormat.Json)));
    public static readonly SettingKey<bool> HealthStatusOnly = Key("health.status-only", SettingTypes.Switch);

    public static readonly SettingKey<TimeSpan> ShutdownDrain = Key("shutdown.drain", SettingTypes.Duration(_none, _day));

    public static readonly SettingKey<TimeSpan> RestartMinBackoff = Key("restart.min-backoff", SettingTypes.Duration(_millisecond, _day));
    public static readonly SettingKey<TimeSpan> RestartMaxBackoff = Key("restart.max-backoff", SettingTypes.Duration(_millisecond, _day));
    public static readonly SettingKey<double> RestartJitter = Key("restart.jitter", SettingTypes.Fraction(0, 1));
    public static readonly SettingKey<int> RestartMaxTries = Key("restart.max-tries", SettingTypes.Integer(1, 1000));
    public static readonly SettingKey<TimeSpan> RestartWindow = Key("restart.window", SettingTypes.Duration(_second, _day));
    public static readonly SettingKey<TimeSpan> RestartParkTimeout = Key("restart.park-timeout", SettingTypes.Duration(_none, _day));

    private static readonly Dictionary<string, SettingKey<SectionLevel>> _levels = SectionLevels.Sections.ToDictionary(
        section => section, section => Key($"logging.{section}", SettingTypes.Word(SectionLevels.Words)));

    /// <summary>All keys in the order of hocon/gwlbtun.conf.</summary>
    public static IReadOnlyList<SettingKey> All => _all;

    /// <summary>The key of a logging section, one of <see cref="SectionLevels.Sections"/>.</summary>
    public static SettingKey<SectionLevel> LevelKey(string section) => _levels[section];

    private static SettingKey<T> Key<T>(string path, SettingType<T> type)
    {
        var key = new SettingKey<T>(path, type);
        _all.Add(key);
        return key;
    }
}
