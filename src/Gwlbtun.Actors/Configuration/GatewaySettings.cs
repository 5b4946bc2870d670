using System.Net;
using Akka.Configuration;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Configuration;

/// <summary>The effective configuration, validated. Every key is explained in hocon/gwlbtun.conf.</summary>
/// <param name="Geneve">The UDP side towards the load balancer.</param>
/// <param name="Threads">How many data threads there are, and on which cores.</param>
/// <param name="Tunnel">The gwi/gwo device pairs.</param>
/// <param name="Flows">The flow tables.</param>
/// <param name="Hooks">The scripts run for tunnels that come and go.</param>
/// <param name="Health">The HTTP health endpoint.</param>
/// <param name="Shutdown">The way out.</param>
/// <param name="Logging">The level of each logging section.</param>
/// <param name="Restart">How actors that fail are restarted.</param>
/// <param name="Akka">The <c>akka</c> section, rooted so that it can be given to an actor system as it is.</param>
public sealed record GatewaySettings(
    GeneveSettings Geneve,
    ThreadSettings Threads,
    TunnelSettings Tunnel,
    FlowSettings Flows,
    HookSettings Hooks,
    HealthSettings Health,
    ShutdownSettings Shutdown,
    LoggingSettings Logging,
    RestartSettings Restart,
    Config Akka);

/// <summary>Section <c>geneve</c>.</summary>
/// <param name="Port">UDP port, 1..65535.</param>
/// <param name="Bind">IPv4 address to receive on; 0.0.0.0 = all.</param>
/// <param name="ReceiveBufferBytes">Socket receive buffer of each receive thread, in bytes.</param>
/// <param name="Batch">Datagrams that a receive thread takes at once.</param>
/// <param name="BusyPollMicroseconds">SO_BUSY_POLL in µs; 0 = off.</param>
/// <param name="Takeover">Start although another process receives on the port.</param>
public sealed record GeneveSettings(ushort Port, IPAddress Bind, int ReceiveBufferBytes, int Batch, int BusyPollMicroseconds, bool Takeover);

/// <summary>Section <c>threads</c>.</summary>
/// <param name="Udp">The receive threads.</param>
/// <param name="Tunnel">The tunnel threads.</param>
/// <param name="AreFused">Whether a receive thread and a tunnel thread of the same number and core are one.</param>
/// <param name="Gather">Whether fused threads are as few as the load allows.</param>
/// <param name="SpinMicroseconds">For how long a data thread looks for more before it sleeps, in µs; 0 = not at all.</param>
/// <param name="Nice">The nice value of data threads; 0 = everybody's.</param>
public sealed record ThreadSettings(ThreadPlan Udp, ThreadPlan Tunnel, bool AreFused, bool Gather, int SpinMicroseconds, int Nice);

/// <summary>The threads of one kind: their number, and the core of each.</summary>
/// <param name="Cores">One entry a thread: the core it is pinned to, or null where it is not pinned. At least one entry.</param>
public sealed record ThreadPlan(IReadOnlyList<int?> Cores)
{
    /// <summary>The number of threads, at least 1.</summary>
    public int Count => Cores.Count;
}

/// <summary>Section <c>tunnel</c>.</summary>
/// <param name="Mtu">MTU of the devices, in bytes.</param>
/// <param name="ReturnTraffic">Packets go back to the load balancer; without, there are no gwo devices and no flow tables.</param>
/// <param name="ManageRpFilter">Set rp_filter=0 on gwi devices after they have settled.</param>
/// <param name="IdleTimeout">Tunnels idle in both directions for so long are retired; zero = never.</param>
/// <param name="MaxEnis">The most ENIs served at a time.</param>
/// <param name="Budget">Packets taken from one device before the thread turns to the next.</param>
/// <param name="QueueLength">Packets that each queue of a device holds for its thread.</param>
/// <param name="Steering">Whether packets come back through the queue of the thread that wrote them.</param>
/// <param name="Netns">How the network namespaces are named that each endpoint gets of its own; null = all devices are in the handler's.</param>
/// <param name="Offload">What crosses the kernel as super-packets.</param>
/// <param name="Hold">What may wait for a tunnel that is being built.</param>
public sealed record TunnelSettings(
    int Mtu,
    bool ReturnTraffic,
    bool ManageRpFilter,
    TimeSpan IdleTimeout,
    int MaxEnis,
    int Budget,
    int QueueLength,
    bool Steering,
    NamespacePattern? Netns,
    OffloadSettings Offload,
    HoldSettings Hold);

/// <summary>Section <c>tunnel.offload</c>: which packets cross the kernel as super-packets, where the kernel is found able to.</summary>
/// <param name="Receive">From the load balancer.</param>
/// <param name="Send">To the load balancer.</param>
/// <param name="Join">Packets of one size that are sent so on the same outer addresses and ports leave as one, whichever flows they are of.</param>
/// <param name="IntoTcp">TCP on its way into a tunnel.</param>
/// <param name="IntoUdp">UDP on its way into a tunnel.</param>
/// <param name="OutOfTcp">TCP on its way out of a tunnel.</param>
/// <param name="OutOfUdp">UDP on its way out of a tunnel.</param>
public sealed record OffloadSettings(bool Receive, bool Send, bool Join, bool IntoTcp, bool IntoUdp, bool OutOfTcp, bool OutOfUdp);

/// <summary>Section <c>tunnel.hold</c>: the bounds of what waits while a tunnel is being built.</summary>
/// <param name="PacketsPerEni">Packets held for one ENI.</param>
/// <param name="BytesPerEni">Bytes held for one ENI.</param>
/// <param name="BytesTotal">Bytes held for all ENIs.</param>
public sealed record HoldSettings(int PacketsPerEni, long BytesPerEni, long BytesTotal);

/// <summary>Section <c>flows</c>.</summary>
/// <param name="IdleTimeout">When a flow that carries nothing is forgotten.</param>
/// <param name="TcpClosingTimeout">When a TCP flow that was closed in both directions is forgotten; zero = as any other.</param>
/// <param name="MaxPerEni">The most flows in one ENI's table.</param>
/// <param name="MaxTotal">The most flows of all ENIs together; it bounds <paramref name="MaxPerEni"/>.</param>
/// <param name="Prefetch">Whether the flows of a whole batch of packets are brought into the cache before the first is looked up.</param>
/// <param name="Fragments">What is remembered of fragments.</param>
/// <param name="Reserve">Room made in flow tables before their tunnels are opened; see <see cref="FlowReservations.For"/>.</param>
public sealed record FlowSettings(
    FlowIdleTimeouts IdleTimeout,
    TimeSpan TcpClosingTimeout,
    int MaxPerEni,
    int MaxTotal,
    bool Prefetch,
    FragmentSettings Fragments,
    IReadOnlyList<FlowReservation> Reserve);

/// <summary>Section <c>flows.idle-timeout</c>.</summary>
/// <param name="Tcp">TCP flows.</param>
/// <param name="Udp">UDP flows.</param>
/// <param name="Other">All other protocols.</param>
public sealed record FlowIdleTimeouts(TimeSpan Tcp, TimeSpan Udp, TimeSpan Other);

/// <summary>Section <c>flows.fragments</c>.</summary>
/// <param name="MaxPerEni">The most fragmented packets remembered for one ENI.</param>
/// <param name="Timeout">When one is forgotten.</param>
/// <param name="Wait">How long a fragment that goes back waits for the first of its packet; zero = not at all.</param>
public sealed record FragmentSettings(int MaxPerEni, TimeSpan Timeout, TimeSpan Wait);

/// <summary>Section <c>hooks</c>.</summary>
/// <param name="Create">Run when a tunnel is up; null = none.</param>
/// <param name="Destroy">Run before a tunnel goes; null = none.</param>
/// <param name="Environment">Variables that hooks get beside the handler's own.</param>
/// <param name="Timeout">How long a hook may run before it gets SIGTERM.</param>
/// <param name="KillGrace">How long after SIGTERM it gets SIGKILL.</param>
/// <param name="Parallelism">The most hooks that run at a time.</param>
/// <param name="OnCreateFailure">What becomes of a tunnel whose CREATE hook failed.</param>
public sealed record HookSettings(
    HookCommand? Create,
    HookCommand? Destroy,
    IReadOnlyDictionary<string, string> Environment,
    TimeSpan Timeout,
    TimeSpan KillGrace,
    int Parallelism,
    CreateFailureAction OnCreateFailure);

/// <summary>Key <c>hooks.on-create-failure</c>.</summary>
public enum CreateFailureAction
{
    /// <summary>The tunnel carries traffic all the same, as the C++ handler's did.</summary>
    Continue,

    /// <summary>The tunnel is taken down, and its ENI parked.</summary>
    Retire,
}

/// <summary>Section <c>health</c>.</summary>
/// <param name="Port">TCP port of the HTTP endpoint; 0 = none.</param>
/// <param name="Format">The body of an answer.</param>
/// <param name="StatusOnly">The status code alone, with an empty body.</param>
public sealed record HealthSettings(ushort Port, HealthFormat Format, bool StatusOnly);

/// <summary>Key <c>health.format</c>.</summary>
public enum HealthFormat
{
    /// <summary>HTML with the C++ handler's lines of text.</summary>
    Text,

    /// <summary>JSON with the C++ handler's keys.</summary>
    Json,
}

/// <summary>Section <c>shutdown</c>.</summary>
/// <param name="Drain">How long traffic goes on after health has turned 503.</param>
public sealed record ShutdownSettings(TimeSpan Drain);

/// <summary>Section <c>restart</c>: exponential backoff of what is restarted.</summary>
/// <param name="MinBackoff">The first wait.</param>
/// <param name="MaxBackoff">The longest wait.</param>
/// <param name="Jitter">The share of a wait that is random, 0..1.</param>
/// <param name="MaxTries">Restarts within <paramref name="Window"/> after which an ENI is parked.</param>
/// <param name="Window">The time in which restarts are counted.</param>
/// <param name="ParkTimeout">How long an ENI stays parked; zero = until the handler is restarted.</param>
public sealed record RestartSettings(TimeSpan MinBackoff, TimeSpan MaxBackoff, double Jitter, int MaxTries, TimeSpan Window, TimeSpan ParkTimeout);

/// <summary>Section <c>logging</c>: the level of each section.</summary>
/// <param name="Core">Start, stop, actors.</param>
/// <param name="Udp">Receive threads and their sockets.</param>
/// <param name="Geneve">Geneve headers and flows.</param>
/// <param name="Tunnel">Devices and hooks.</param>
/// <param name="Healthcheck">The health endpoint.</param>
/// <param name="Os">What is asked of the kernel.</param>
/// <param name="Ebpf">The in-kernel path.</param>
public sealed record LoggingSettings(
    SectionLevel Core,
    SectionLevel Udp,
    SectionLevel Geneve,
    SectionLevel Tunnel,
    SectionLevel Healthcheck,
    SectionLevel Os,
    SectionLevel Ebpf);

/// <summary>The levels of the C++ handler, least talkative first.</summary>
public enum SectionLevel
{
    /// <summary>What ends or prevents service.</summary>
    Critical,

    /// <summary>What an operator should see; the default.</summary>
    Important,

    /// <summary>What happens now and then.</summary>
    Info,

    /// <summary>What happens often.</summary>
    Debug,

    /// <summary>What happens to every packet, with hex dumps.</summary>
    DebugDetail,
}
