using Akka.Actor;
using Gwlbtun.Actors.Logging;
using Gwlbtun.Actors.Receiving;
using Gwlbtun.Actors.Tunnels;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>
/// Carries what data threads report to the actors that own the thing reported: one message each, posted without waiting.
/// </summary>
public sealed partial class DataPlaneRelay : IDataPlaneObserver
{
    private readonly ILogger _geneve;
    private readonly ILogger _tunnel;
    private int _hasToldOfSteering;
    private IActorRef _receiver = ActorRefs.Nobody;
    private IActorRef _tunnels = ActorRefs.Nobody;

    internal DataPlaneRelay(ILoggerFactory loggers)
    {
        _geneve = loggers.CreateLogger(LogSections.Geneve);
        _tunnel = loggers.CreateLogger(LogSections.Tunnel);
    }

    /// <summary>Says who is told. Before the first data thread starts.</summary>
    internal void Connect(IActorRef receiver, IActorRef tunnels)
    {
        _receiver = receiver;
        _tunnels = tunnels;
    }

    /// <inheritdoc/>
    public void OnNewEni(EniGate gate) => _tunnels.Tell(new EniSeen(gate), ActorRefs.NoSender);

    /// <inheritdoc/>
    public void OnPortFault(TunnelPort port, string device, LinuxError error) =>
        _tunnels.Tell(new PortFaulted(port, $"{device} failed: {error}"), ActorRefs.NoSender);

    /// <inheritdoc/>
    public void OnBacklog(ReceiveThread thread) => _receiver.Tell(ReceiverBacklogged.Instance, ActorRefs.NoSender);

    /// <inheritdoc/>
    public void OnThreadDied(DataThread thread, Exception cause)
    {
        if (thread is ReceiveThread receive)
            _receiver.Tell(new ReceiveThreadDied(receive, cause), ActorRefs.NoSender);
        else
            _tunnels.Tell(new TunnelThreadDied((TunnelThread)thread, cause), ActorRefs.NoSender);
    }

    /// <inheritdoc/>
    public void OnUplinkLost(Exception cause) => UplinkLost(_tunnel, cause);

    /// <inheritdoc/>
    /// <remarks>Logged once: what the kernel does not want from us for one device, it does not want for any.</remarks>
    public void OnSteeringRefused(LinuxError error)
    {
        if (Interlocked.Exchange(ref _hasToldOfSteering, 1) == 0)
            NoSteering(_tunnel, error);
    }

    /// <inheritdoc/>
    public void OnPacketTrace(PacketTracePoint point, ulong eniId, ReadOnlySpan<byte> packet)
    {
        var logger = point == PacketTracePoint.FromLoadBalancer ? _geneve : _tunnel;
        if (!logger.IsEnabled(LogLevel.Trace))
            return;
        var eni = EniName.Hex17(eniId);
        var hex = Convert.ToHexStringLower(packet);
        if (point == PacketTracePoint.FromLoadBalancer)
            Received(logger, eni, packet.Length, hex);
        else
            Read(logger, eni, packet.Length, hex);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Routes and neighbours of the uplink are no longer followed: packets are sent one by one through the raw socket and netfilter's OUTPUT chain, at a higher cost, until a restart.")]
    private static partial void UplinkLost(ILogger logger, Exception cause);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Packets come back through whichever thread's queue their flow falls to, which wakes more threads (tunnel.steering): no eBPF program can be attached: {Error}. Grant CAP_BPF, or switch tunnel.steering off.")]
    private static partial void NoSteering(ILogger logger, LinuxError error);

    [LoggerMessage(Level = LogLevel.Trace, Message = "ENI {Eni}: received {Length} bytes: {Hex}")]
    private static partial void Received(ILogger logger, string eni, int length, string hex);

    [LoggerMessage(Level = LogLevel.Trace, Message = "ENI {Eni}: read {Length} bytes from the tunnel: {Hex}")]
    private static partial void Read(ILogger logger, string eni, int length, string hex);
}
