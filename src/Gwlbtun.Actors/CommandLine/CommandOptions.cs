using System.Globalization;
using Gwlbtun.Actors.Configuration;

namespace Gwlbtun.Actors.CommandLine;

/// <summary>
/// Every option, in the order and groups of the help text. All but the new ones are the C++ handler's, of its versions 3.0, 3.2 and 4.0-dev.
/// </summary>
internal static class CommandOptions
{
    public static readonly CommandOption Help = new("--help", "h?", null, "Print this help.");
    public static readonly CommandOption Version = new("--version", "", null, "Print the version.") { IsNew = true };
    public static readonly CommandOption Config = new("--config", "", "FILE", "Read the HOCON file FILE; variables and options override it.") { IsNew = true };
    public static readonly CommandOption CheckConfig = new("--check-config", "", null, "Validate the configuration, print OK or all errors, and exit.") { IsNew = true };
    public static readonly CommandOption PrintConfig = new("--print-config", "", null, "Print the configuration in force and where each value was written, and exit.") { IsNew = true };
    public static readonly CommandOption Logging = new("--logging", "", "CONFIG", "Levels of the logging sections, see below. Of several, the last counts.");
    public static readonly CommandOption Debug = new("--debug", "d", null, "The same as --logging all=debug.");
    public static readonly CommandOption Reserve = new("--reserve", "", "COUNTS", $"Make room for so many flows beforehand: {FlowReservation.Syntax}. Repeatable; that of an endpoint wins over the general one, and of several for the same the last.")
    {
        Key = SettingKeys.FlowsReserve,
    };

    public static readonly CommandOption Ebpf = new("--ebpf", "e", "OBJ", "No effect; accepted for lines written for the C++ handler.");
    public static readonly CommandOption EbpfInterface = new("--ebpf-interface", "I", "IF", "No effect; accepted likewise.");

    public static readonly IReadOnlyList<(string Title, CommandOption[] Options)> Groups =
    [
        ("Hooks and tunnels:",
        [
            new("--cmdnew", "c", "FILE", "Command to run when a new tunnel has been built. See below for its arguments.") { Key = SettingKeys.HooksCreate },
            new("--cmddel", "r", "FILE", "Command to run when a tunnel is about to be taken down. See below for its arguments.") { Key = SettingKeys.HooksDestroy },
            new("--timeout", "t", "SECONDS", "Take a tunnel down when it has been idle in both directions for so long. 0, the default, is never.") { Key = SettingKeys.TunnelIdleTimeout },
            new("--idle", "i", "SECONDS", "Idle timeout of TCP flows; set it to what the load balancer's listener has. Default 350.") { Key = SettingKeys.FlowsIdleTcp },
            Reserve,
            new("--no-return", "", null, "Send nothing back to the load balancer: no gwo interfaces, no flow tables.") { IsNew = true, Key = SettingKeys.TunnelReturnTraffic, ToValue = _ => "off" },
        ]),
        ("Health:",
        [
            new("--port", "p", "PORT", "Answer health checks on TCP port PORT. 0, the default, is off.") { Key = SettingKeys.HealthPort },
            new("--json", "j", null, "Report in JSON instead of text.") { Key = SettingKeys.HealthFormat, ToValue = _ => "json" },
            new("-s", "s", null, "Answer with the status code alone.") { Key = SettingKeys.HealthStatusOnly, ToValue = _ => "on" },
        ]),
        ("Receiving:",
        [
            new("--bind", "", "ADDRESS", "IPv4 address to receive on. Default 0.0.0.0, all.") { IsNew = true, Key = SettingKeys.GeneveBind },
            new("--rcvbuf", "", "MB", "Receive buffer of each socket in megabytes. Default 128.") { Key = SettingKeys.GeneveReceiveBuffer, ToValue = Megabytes },
            new("--busypoll", "", "USEC", "Poll the network card for so many microseconds before sleeping. 0, the default, is off.") { Key = SettingKeys.GeneveBusyPoll },
            new("--takeover", "", null, "Start although another process receives on the port.") { IsNew = true, Key = SettingKeys.GeneveTakeover, ToValue = _ => "on" },
        ]),
        ("Threads:",
        [
            new("--udpthreads", "", "N", "Receive with N threads.") { Key = SettingKeys.ThreadsUdp, ToValue = AtLeastOne },
            new("--udpaffinity", "", "CORES", "Receive with one thread on each of CORES. Wins over --udpthreads.") { Key = SettingKeys.ThreadsUdpAffinity },
            new("--tunthreads", "", "N", "Serve the tunnels with N threads.") { Key = SettingKeys.ThreadsTunnel, ToValue = AtLeastOne },
            new("--tunaffinity", "", "CORES", "Serve the tunnels with one thread on each of CORES. Wins over --tunthreads.") { Key = SettingKeys.ThreadsTunnelAffinity },
        ]),
        ("Configuration:", [Config, CheckConfig, PrintConfig]),
        ("Other:", [Logging, Debug, Help, Version, Ebpf, EbpfInterface]),
    ];

    /// <summary>All options.</summary>
    public static readonly IReadOnlyList<CommandOption> All = [.. Groups.SelectMany(g => g.Options)];

    private static string Megabytes(string size) => int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? $"{size} MiB" : size;

    // 0 threads meant 1 there.
    private static string AtLeastOne(string count) =>
        int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number == 0 ? "1" : count;
}
