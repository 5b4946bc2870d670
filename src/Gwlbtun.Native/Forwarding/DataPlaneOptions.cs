using System.Net;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Matching;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>What the data plane needs to know. All of it is validated by whoever reads the configuration.</summary>
public sealed record DataPlaneOptions
{
    /// <summary>Where Geneve is received: an IPv4 address and the port, 6081 by default (RFC 8926 section 3.3).</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Any, 6081);

    /// <summary>Receive buffer of each receive socket, bytes.</summary>
    public int ReceiveBufferBytes { get; init; } = 128 << 20;

    /// <summary>SO_BUSY_POLL of the receive sockets, microseconds; 0 = off.</summary>
    public int BusyPollMicroseconds { get; init; }

    /// <summary>The receive threads.</summary>
    public required ThreadPlan ReceiveThreads { get; init; }

    /// <summary>The tunnel threads; as many queues does each device have.</summary>
    public required ThreadPlan TunnelThreads { get; init; }

    /// <summary>Whether the receive thread and the tunnel thread of the same number and core are one thread.</summary>
    public bool FuseThreads { get; init; } = true;

    /// <summary>Whether fused threads are as few as the load allows.</summary>
    public bool GatherReceivers { get; init; } = true;

    /// <summary>The nice value of data threads, -20 (first) to 19; 0 is everybody's. Negative ones need CAP_SYS_NICE, and are else not set.</summary>
    public int Nice { get; init; }

    /// <summary>For how long a data thread looks for more before it sleeps, in microseconds; 0: not at all.</summary>
    public int SpinMicroseconds { get; init; }

    /// <summary>Datagrams that a receive thread takes at once.</summary>
    public int ReceiveBatch { get; init; } = 256;

    /// <summary>Whether packets that went into a tunnel come back through the queue of the thread that wrote them.</summary>
    public bool SteerReturns { get; init; } = true;

    /// <summary>Whether the kernel may hand us datagrams of a flow that arrive together as one.</summary>
    public bool ReceiveMerged { get; init; } = true;

    /// <summary>MTU of the tunnel devices, bytes. The load balancer's limit is 8500.</summary>
    public int Mtu { get; init; } = 8500;

    /// <summary>Packets that each tunnel queue holds for its thread (txqueuelen).</summary>
    public int QueueLength { get; init; } = 4096;

    /// <summary>Packets read from one device before the next has its turn.</summary>
    public int Budget { get; init; } = 64;

    /// <summary>Whether packets go back to the load balancer. Without, there is no gwo device and no flow table.</summary>
    public bool ReturnTraffic { get; init; } = true;

    /// <summary>How the network namespaces are named that each endpoint gets of its own; null: all devices are in the handler's.</summary>
    public NamespacePattern? Namespaces { get; init; }

    /// <summary>Endpoints that get a tunnel at most.</summary>
    public int MaxEnis { get; init; } = 1024;

    /// <summary>What may wait for a tunnel that is being built.</summary>
    public HoldLimits Hold { get; init; } = new();

    /// <summary>Which packets are to cross the kernel as super-packets.</summary>
    public OffloadOptions Offload { get; init; } = new();

    /// <summary>Which of them do: what <see cref="WithOffloadsThatWork"/> found; none before.</summary>
    internal OffloadFeatures Offloads { get; init; } = OffloadFeatures.None;

    /// <summary>Tries <see cref="Offload"/> on a throw-away device. Takes some milliseconds, and a second where the kernel fails.</summary>
    /// <param name="missing">What was wanted and does not work, and why; null when all works.</param>
    public DataPlaneOptions WithOffloadsThatWork(out string? missing)
    {
        var wanted = Offload.Features;
        var works = OffloadProbe.Run(wanted, out missing);
        if (works != wanted)
            missing ??= $"into tunnels {wanted.Into & ~works.Into}, out of tunnels {wanted.OutOf & ~works.OutOf}, back whole {(wanted.Send == works.Send ? "None" : "All")}: this kernel has no such super-packets, or harms them";
        return this with { Offloads = works };
    }

    /// <summary>Each endpoint's flow table.</summary>
    public FlowTableOptions Flows { get; init; } = new();

    /// <summary>The most flows of all endpoints together.</summary>
    public long MaxTotalFlows { get; init; } = 2_000_000;

    /// <summary>What is remembered of fragments.</summary>
    public FragmentOptions Fragments { get; init; } = new();

    /// <summary>Whether every received datagram is shown to <see cref="IDataPlaneObserver.OnPacketTrace"/>.</summary>
    public bool TraceGeneve { get; init; }

    /// <summary>Whether every packet read from a tunnel is shown to <see cref="IDataPlaneObserver.OnPacketTrace"/>.</summary>
    public bool TraceTunnel { get; init; }
}

/// <summary>The threads of a kind: how many, and the core of each.</summary>
/// <param name="Cores">One entry for each thread, at least one: the core that it is pinned to, or null.</param>
public sealed record ThreadPlan(IReadOnlyList<int?> Cores)
{
    /// <summary>How many threads, at least 1.</summary>
    public int Count => Cores.Count;

    /// <summary>Unpinned threads.</summary>
    public static ThreadPlan Unpinned(int count) => new(new int?[count]);

    /// <summary>The core of thread <paramref name="index"/>, or null.</summary>
    public int? CoreOf(int index) => Cores[index];
}

/// <summary>Bounds on what waits while tunnels are being built.</summary>
public sealed record HoldLimits
{
    /// <summary>Packets for one endpoint.</summary>
    public int PacketsPerEni { get; init; } = 16_384;

    /// <summary>Bytes for one endpoint.</summary>
    public long BytesPerEni { get; init; } = 32L << 20;

    /// <summary>Bytes for all endpoints together.</summary>
    public long BytesTotal { get; init; } = 128L << 20;
}
