using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// What the data plane tells its owners. Called on data threads and rarely (but for <see cref="OnPacketTrace"/>): an
/// implementation posts a message and returns.
/// </summary>
public interface IDataPlaneObserver
{
    /// <summary>The first packet of an endpoint that has no gate yet: it waits in <paramref name="gate"/>.</summary>
    void OnNewEni(EniGate gate);

    /// <summary>A device of the port failed: the gate holds packets from now on. Told once for each port.</summary>
    void OnPortFault(TunnelPort port, string device, LinuxError error);

    /// <summary>A receive thread that rides on another finds more than it can take, again and again. Told four times a second at most.</summary>
    void OnBacklog(ReceiveThread thread);

    /// <summary>A data thread ended with an exception.</summary>
    void OnThreadDied(DataThread thread, Exception cause);

    /// <summary>It is no longer known where packets leave: from now on they are sent one by one through the raw socket.</summary>
    void OnUplinkLost(Exception cause);

    /// <summary>A device of a port does without steering (<see cref="DataPlaneOptions.SteerReturns"/>): what comes back through it is spread by flow. Told for each device.</summary>
    void OnSteeringRefused(LinuxError error);

    /// <summary>A packet, while tracing is on: the Geneve datagram as received, or the packet read from a tunnel.</summary>
    void OnPacketTrace(PacketTracePoint point, ulong eniId, ReadOnlySpan<byte> packet);
}

/// <summary>Where a traced packet was seen.</summary>
public enum PacketTracePoint
{
    /// <summary>Received from the load balancer, Geneve header first.</summary>
    FromLoadBalancer,

    /// <summary>Read from a tunnel device.</summary>
    FromTunnel,
}
