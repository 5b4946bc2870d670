using Gwlbtun.Actors.Configuration.Hocon;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Configuration;

/// <summary>Turns the effective configuration into <see cref="GatewaySettings"/>, collecting all that is wrong with it.</summary>
/// <remarks>Written out key by key: binding by reflection would cost a tenth of the time in which the first packet is to be answered.</remarks>
internal sealed class SettingsBinder(EffectiveConfiguration effective, ConfigurationLayer defaults, IReadOnlyList<int> availableCores)
{
    private readonly HashSet<int> _available = [.. availableCores];

    public List<ConfigurationError> Errors { get; } = [];

    public List<string> Warnings { get; } = [];

    public GatewaySettings Bind()
    {
        LoggingSettings logging = BindLogging();
        GeneveSettings geneve = BindGeneve();
        var threads = new ThreadSettings(
            BindThreads(SettingKeys.ThreadsUdp, SettingKeys.ThreadsUdpAffinity, SettingKeys.MaximumReceiveThreads),
            BindThreads(SettingKeys.ThreadsTunnel, SettingKeys.ThreadsTunnelAffinity, SettingKeys.MaximumTunnelThreads),
            Get(SettingKeys.ThreadsFused),
            Get(SettingKeys.ThreadsGather),
            Get(SettingKeys.ThreadsSpin),
            Get(SettingKeys.ThreadsNice));
        TunnelSettings tunnel = BindTunnel();
        return new GatewaySettings(
            geneve,
            threads,
            tunnel,
            BindFlows(tunnel.MaxEnis),
            BindHooks(),
            new HealthSettings((ushort)Get(SettingKeys.HealthPort), Get(SettingKeys.HealthFormat), Get(SettingKeys.HealthStatusOnly)),
            new ShutdownSettings(Get(SettingKeys.ShutdownDrain)),
            logging,
            BindRestart(),
            effective.ToAkka(logging.Core));
    }

    private GeneveSettings BindGeneve() => new(
        (ushort)Get(SettingKeys.GenevePort),
        Get(SettingKeys.GeneveBind),
        (int)Get(SettingKeys.GeneveReceiveBuffer),
        Get(SettingKeys.GeneveBatch),
        Get(SettingKeys.GeneveBusyPoll),
        Get(SettingKeys.GeneveTakeover));

    private TunnelSettings BindTunnel()
    {
        var hold = new HoldSettings(Get(SettingKeys.HoldPacketsPerEni), Get(SettingKeys.HoldBytesPerEni), Get(SettingKeys.HoldBytesTotal));
        RequireOrder(SettingKeys.HoldBytesPerEni, hold.BytesPerEni, SettingKeys.HoldBytesTotal, hold.BytesTotal);
        NamespacePattern namespaces = Get(SettingKeys.TunnelNetnsPattern);
        return new TunnelSettings(
            Get(SettingKeys.TunnelMtu),
            Get(SettingKeys.TunnelReturnTraffic),
            Get(SettingKeys.TunnelManageRpFilter),
            Get(SettingKeys.TunnelIdleTimeout),
            Get(SettingKeys.TunnelMaxEnis),
            Get(SettingKeys.TunnelBudget),
            Get(SettingKeys.TunnelQueueLength),
            Get(SettingKeys.TunnelSteering),
            Get(SettingKeys.TunnelNetns) ? namespaces : null,
            new OffloadSettings(
                Get(SettingKeys.OffloadReceive), Get(SettingKeys.OffloadSend), Get(SettingKeys.OffloadJoin),
                Get(SettingKeys.OffloadIntoTcp), Get(SettingKeys.OffloadIntoUdp), Get(SettingKeys.OffloadOutOfTcp), Get(SettingKeys.OffloadOutOfUdp)),
            hold);
    }

    private FlowSettings BindFlows(int maxEnis)
    {
        var flows = new FlowSettings(
            new FlowIdleTimeouts(Get(SettingKeys.FlowsIdleTcp), Get(SettingKeys.FlowsIdleUdp), Get(SettingKeys.FlowsIdleOther)),
            Get(SettingKeys.FlowsTcpClosing),
            Get(SettingKeys.FlowsMaxPerEni),
            Get(SettingKeys.FlowsMaxTotal),
            Get(SettingKeys.FlowsPrefetch),
            new FragmentSettings(Get(SettingKeys.FragmentsMaxPerEni), Get(SettingKeys.FragmentsTimeout), Get(SettingKeys.FragmentsWait)),
            Get(SettingKeys.FlowsReserve));
        RequireOrder(SettingKeys.FragmentsWait, flows.Fragments.Wait, SettingKeys.FragmentsTimeout, flows.Fragments.Timeout);
        foreach (string excess in FlowReservations.Excesses(flows, maxEnis))
            ReportExcess(excess);
        return flows;
    }

    // The C++ handler's flow caches had no bound, so that its command lines may ask for more than there is.
    private void ReportExcess(string excess)
    {
        var error = new ConfigurationError(SettingKeys.FlowsReserve.Path, effective[SettingKeys.FlowsReserve].Origin, excess);
        if (error.Origin is SettingOrigin.Option)
            Warnings.Add($"{error} No more than that is reserved.");
        else
            Errors.Add(error);
    }

    private HookSettings BindHooks() => new(
        Get(SettingKeys.HooksCreate),
        Get(SettingKeys.HooksDestroy),
        Get(SettingKeys.HooksEnvironment),
        Get(SettingKeys.HooksTimeout),
        Get(SettingKeys.HooksKillGrace),
        Get(SettingKeys.HooksParallelism),
        Get(SettingKeys.HooksOnCreateFailure));

    private RestartSettings BindRestart()
    {
        var restart = new RestartSettings(
            Get(SettingKeys.RestartMinBackoff),
            Get(SettingKeys.RestartMaxBackoff),
            Get(SettingKeys.RestartJitter),
            Get(SettingKeys.RestartMaxTries),
            Get(SettingKeys.RestartWindow),
            Get(SettingKeys.RestartParkTimeout));
        RequireOrder(SettingKeys.RestartMinBackoff, restart.MinBackoff, SettingKeys.RestartMaxBackoff, restart.MaxBackoff);
        return restart;
    }

    private LoggingSettings BindLogging() => new(
        GetLevel("core"), GetLevel("udp"), GetLevel("geneve"), GetLevel("tunnel"), GetLevel("healthcheck"), GetLevel("os"), GetLevel("ebpf"));

    private ThreadPlan BindThreads(SettingKey<int?> countKey, SettingKey<IReadOnlyList<int>> affinityKey, int maximum)
    {
        int? count = Get(countKey);
        IReadOnlyList<int> affinity = Get(affinityKey);
        if (affinity.Count == 0)
            return new ThreadPlan(new int?[count ?? Math.Clamp(_available.Count, 1, maximum)]);

        int[] missing = [.. affinity.Where(core => !_available.Contains(core))];
        if (missing.Length > 0)
            ReportMissingCores(affinityKey, missing);
        return new ThreadPlan([.. affinity.Select(core => _available.Contains(core) ? core : (int?)null)]);
    }

    // The C++ handler's command line goes on meaning what it meant on a machine with fewer cores: a thread the more, not pinned.
    private void ReportMissingCores(SettingKey key, int[] missing)
    {
        var error = new ConfigurationError(
            key.Path,
            effective[key].Origin,
            $"core {CoreList.Format(missing)} is not available to this process.",
            $"It may run on {CoreList.Format(_available)}.");
        if (error.Origin is SettingOrigin.Option)
            Warnings.Add($"{error} The threads meant for it are not pinned.");
        else
            Errors.Add(error);
    }

    private void RequireOrder<T>(SettingKey lowKey, T low, SettingKey highKey, T high)
        where T : IComparable<T>
    {
        if (low.CompareTo(high) <= 0)
            return;

        // Blame the one that somebody wrote.
        bool highIsWritten = effective[highKey].Origin is not SettingOrigin.BuiltIn;
        SettingKey blamed = highIsWritten ? highKey : lowKey;
        SettingKey other = highIsWritten ? lowKey : highKey;
        string relation = highIsWritten ? "less" : "more";
        Errors.Add(new ConfigurationError(
            blamed.Path,
            effective[blamed].Origin,
            $"{HoconWriter.WriteValue(effective[blamed])} is {relation} than {other.Path} = {HoconWriter.WriteValue(effective[other])} ({effective[other].Origin})."));
    }

    private SectionLevel GetLevel(string section) => Get(SettingKeys.LevelKey(section));

    private T Get<T>(SettingKey<T> key)
    {
        HoconNode node = effective[key];
        if (key.Type.Read(node, out T value, out string? error))
            return value;

        Errors.Add(new ConfigurationError(key.Path, node.Origin, error!));
        return key.Type.Read(defaults.Values[key], out T fallback, out error)
            ? fallback
            : throw new InvalidOperationException($"The default of {key.Path} is wrong: {error}");
    }
}
