using System.Net;
using System.Net.Sockets;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Configuration;

/// <summary>What a look at the machine found before anything was started.</summary>
/// <param name="Errors">Why it cannot work.</param>
/// <param name="Warnings">What will work worse than it could.</param>
internal sealed record PreflightReport(IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings);

/// <summary>
/// Checks that the machine gives what the settings need, so that a user reads one clear message in place of the first system call that fails.
/// Leaves nothing open behind it.
/// </summary>
internal static class Preflight
{
    private const string TunControl = "/dev/net/tun";

    // linux: SOL_SOCKET and SO_REUSEPORT (asm-generic/socket.h), which .NET has no name for.
    private const int SolSocket = 1;
    private const int SoReusePort = 15;

    public static PreflightReport Run(GatewaySettings settings)
    {
        var errors = new List<string>();
        var warnings = new List<string>();
        CheckTun(TunControl, errors);
        CheckCapabilities(Capabilities.OfThisProcess(), errors, warnings);
        CheckPriority(Capabilities.OfThisProcess(), settings.Threads.Nice, warnings);
        CheckNamespaces(Capabilities.OfThisProcess(), settings.Tunnel.Netns, errors);
        CheckGenevePort(settings.Geneve, errors, warnings);
        CheckHealthPort(settings.Health.Port, errors);
        CheckUplinks(UplinkMtu.Find(), settings.Tunnel.Mtu, warnings);
        return new PreflightReport(errors, warnings);
    }

    internal static void CheckTun(string path, ICollection<string> errors)
    {
        if (!File.Exists(path))
        {
            errors.Add($"{path} does not exist, so no tunnel interfaces can be created. Load the module with modprobe tun; give a container the device (--device {path}, or a hostPath volume).");
            return;
        }

        try
        {
            File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            errors.Add($"{path} cannot be opened: {e.Message} Check its permissions and, in a container, that its device cgroup allows character device 10:200.");
        }
    }

    internal static void CheckCapabilities(Capabilities capabilities, ICollection<string> errors, ICollection<string> warnings)
    {
        if (!capabilities.HasNetAdmin)
            errors.Add("CAP_NET_ADMIN is missing, so no tunnel interfaces can be created. Run as root, or grant it: AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_NICE in a unit, capabilities.add [NET_ADMIN, NET_RAW, SYS_NICE] in a pod.");
        if (!capabilities.HasNetRaw)
            warnings.Add("CAP_NET_RAW is missing: packets go back through UDP sockets bound to each flow's source port, which is slower. Grant it to send them raw.");
    }

    internal static void CheckPriority(Capabilities capabilities, int nice, ICollection<string> warnings)
    {
        if (nice < 0 && !capabilities.HasSysNice)
            warnings.Add($"CAP_SYS_NICE is missing: packets wait for a core like everything else, threads.nice = {nice} is not in force. Grant it, or set threads.nice = 0.");
    }

    /// <summary>Makes a network namespace, and removes it: capabilities, a read-only /run, a container's profile may each be in the way.</summary>
    internal static void CheckNamespaces(Capabilities capabilities, NamespacePattern? pattern, ICollection<string> errors)
    {
        if (pattern is null)
            return;
        if (!capabilities.HasSysAdmin)
        {
            errors.Add("CAP_SYS_ADMIN is missing, so there can be no network namespace for each endpoint (tunnel.netns = per-endpoint). Run as root, or grant it: AmbientCapabilities= in a unit, privileged: true in a pod; or set tunnel.netns = off.");
            return;
        }

        try
        {
            using NamedNetworkNamespace trial = NamedNetworkNamespace.Open($"gwlbtun-trial-{Environment.ProcessId}");
            trial.Remove().OrThrow($"remove network namespace {trial.Name}");
        }
        catch (LinuxException e)
        {
            errors.Add($"There can be no network namespace for each endpoint (tunnel.netns = per-endpoint). {e.Message}");
        }
    }

    internal static void CheckGenevePort(GeneveSettings geneve, ICollection<string> errors, ICollection<string> warnings)
    {
        var endPoint = new IPEndPoint(geneve.Bind, geneve.Port);
        SocketError? failure = TryBind(endPoint, ProtocolType.Udp, shared: false);
        if (failure is null)
            return;
        if (failure != SocketError.AddressAlreadyInUse)
        {
            errors.Add(DescribeBind($"UDP {endPoint}", failure.Value, "geneve.bind (--bind)"));
            return;
        }

        string holders = Describe(PortOwners.OfUdp(geneve.Port));
        if (!geneve.Takeover)
            errors.Add($"UDP port {geneve.Port} is taken by {holders}. Two handlers on one port would split the flows between them; stop the other one, or take over on purpose with --takeover.");
        else if (TryBind(endPoint, ProtocolType.Udp, shared: true) is not null)
            errors.Add($"UDP port {geneve.Port} is taken by {holders}, which does not share it (SO_REUSEPORT, same user), so it cannot be taken over. Stop it first.");
        else
            warnings.Add($"UDP port {geneve.Port} is shared with {holders} until that one ends: the kernel splits the flows.");
    }

    internal static void CheckHealthPort(ushort port, ICollection<string> errors)
    {
        if (port == 0)
            return;
        SocketError? failure = TryBind(new IPEndPoint(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, port), ProtocolType.Tcp, shared: false);
        if (failure == SocketError.AddressAlreadyInUse)
            errors.Add($"TCP port {port}, for health checks, is taken by {Describe(PortOwners.OfTcp(port))}. Choose another one with health.port (-p).");
        else if (failure is not null)
            errors.Add(DescribeBind($"TCP port {port}", failure.Value, "health.port (-p)"));
    }

    internal static void CheckUplinks(IEnumerable<UplinkMtu> uplinks, int tunnelMtu, ICollection<string> warnings)
    {
        int needed = tunnelMtu + UplinkMtu.Overhead;
        foreach (UplinkMtu uplink in uplinks)
        {
            if (uplink.Mtu < needed)
                warnings.Add($"The MTU of {uplink.Interface} is {uplink.Mtu}, but packets of {tunnelMtu} bytes need {needed} with their Geneve header: larger ones will be lost. Raise it (ip link set {uplink.Interface} mtu 9001), or lower tunnel.mtu.");
        }
    }

    private static SocketError? TryBind(IPEndPoint endPoint, ProtocolType protocol, bool shared)
    {
        SocketType type = protocol == ProtocolType.Udp ? SocketType.Dgram : SocketType.Stream;
        try
        {
            using var socket = new Socket(endPoint.AddressFamily, type, protocol);
            if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = true;
            if (shared)
                socket.SetRawSocketOption(SolSocket, SoReusePort, BitConverter.GetBytes(1));
            socket.Bind(endPoint);

            // A TCP port in use shows only here where its listener allows it to be reused.
            if (protocol == ProtocolType.Tcp)
                socket.Listen();
            return null;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode;
        }
    }

    private static string DescribeBind(string what, SocketError failure, string key) => failure switch
    {
        SocketError.AddressNotAvailable => $"{what} cannot be bound: no interface has this address. Check {key}.",
        SocketError.AccessDenied => $"{what} cannot be bound: permission denied. Ports below 1024 need CAP_NET_BIND_SERVICE.",
        _ => $"{what} cannot be bound: {new SocketException((int)failure).Message}.",
    };

    private static string Describe(IReadOnlyList<PortOwner> owners) =>
        owners.Count > 0 ? string.Join(" and ", owners) : "a process that cannot be seen from here (another user or PID namespace)";
}
