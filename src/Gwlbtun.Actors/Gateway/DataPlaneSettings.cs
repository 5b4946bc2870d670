using System.Net;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Matching;
using Gwlbtun.Native.Offload;

namespace Gwlbtun.Actors.Gateway;

/// <summary>The configuration in the data plane's own terms.</summary>
internal static class DataPlaneSettings
{
    public static DataPlaneOptions ToDataPlane(this GatewaySettings settings) => new()
    {
        Listen = new IPEndPoint(settings.Geneve.Bind, settings.Geneve.Port),
        ReceiveBufferBytes = settings.Geneve.ReceiveBufferBytes,
        BusyPollMicroseconds = settings.Geneve.BusyPollMicroseconds,
        ReceiveThreads = new(settings.Threads.Udp.Cores),
        TunnelThreads = new(settings.Threads.Tunnel.Cores),
        GatherReceivers = settings.Threads.Gather,
        Nice = settings.Threads.Nice,
        SpinMicroseconds = settings.Threads.SpinMicroseconds,
        FuseThreads = settings.Threads.AreFused,
        ReceiveBatch = settings.Geneve.Batch,
        Mtu = settings.Tunnel.Mtu,
        Budget = settings.Tunnel.Budget,
        QueueLength = settings.Tunnel.QueueLength,
        ReceiveMerged = settings.Tunnel.Offload.Receive,
        SteerReturns = settings.Tunnel.Steering,
        Offload = new OffloadOptions
        {
            Send = settings.Tunnel.Offload.Send,
            Join = settings.Tunnel.Offload.Join,
            IntoTcp = settings.Tunnel.Offload.IntoTcp,
            IntoUdp = settings.Tunnel.Offload.IntoUdp,
            OutOfTcp = settings.Tunnel.Offload.OutOfTcp,
            OutOfUdp = settings.Tunnel.Offload.OutOfUdp,
        },
        Namespaces = settings.Tunnel.Netns,
        ReturnTraffic = settings.Tunnel.ReturnTraffic,
        MaxEnis = settings.Tunnel.MaxEnis,
        Hold = new HoldLimits
        {
            PacketsPerEni = settings.Tunnel.Hold.PacketsPerEni,
            BytesPerEni = settings.Tunnel.Hold.BytesPerEni,
            BytesTotal = settings.Tunnel.Hold.BytesTotal,
        },
        Flows = new FlowTableOptions
        {
            MaxFlows = Math.Min(settings.Flows.MaxPerEni, settings.Flows.MaxTotal),
            TcpIdle = settings.Flows.IdleTimeout.Tcp,
            UdpIdle = settings.Flows.IdleTimeout.Udp,
            OtherIdle = settings.Flows.IdleTimeout.Other,
            TcpClosing = settings.Flows.TcpClosingTimeout > TimeSpan.Zero ? settings.Flows.TcpClosingTimeout : null,
            Prefetches = settings.Flows.Prefetch,
        },
        MaxTotalFlows = settings.Flows.MaxTotal,
        Fragments = new FragmentOptions
        {
            MaxRecords = settings.Flows.Fragments.MaxPerEni,
            Timeout = settings.Flows.Fragments.Timeout,
            Wait = settings.Flows.Fragments.Wait,
        },
        TraceGeneve = settings.Logging.Geneve == SectionLevel.DebugDetail,
        TraceTunnel = settings.Logging.Tunnel == SectionLevel.DebugDetail,
    };
}
