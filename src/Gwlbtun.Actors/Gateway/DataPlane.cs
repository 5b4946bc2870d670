using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>
/// What the actors share of the data plane. Each thing in it has one owner: the receive sockets are
/// <see cref="Receiving.ReceiverActor"/>'s, the registry <see cref="Tunnels.TunnelSupervisor"/>'s.
/// </summary>
public sealed class DataPlane
{
    private DataPlane(DataPlaneOptions options, IReadOnlyList<UdpSocket> sockets, ILoggerFactory loggers)
    {
        Options = options;
        Sockets = sockets;
        Relay = new DataPlaneRelay(loggers);
        Registry = new EniRegistry(options, Relay);
    }

    /// <summary>What it was built by.</summary>
    public DataPlaneOptions Options { get; }

    /// <summary>The receive sockets, bound: one for each receive thread.</summary>
    public IReadOnlyList<UdpSocket> Sockets { get; }

    /// <summary>Tells when no data thread can still be using what was withdrawn.</summary>
    public Quiescence Quiescence { get; } = new();

    /// <summary>The endpoints.</summary>
    public EniRegistry Registry { get; }

    /// <summary>The tunnel threads, on which receive threads may ride; none before they run. <see cref="Tunnels.TunnelSupervisor"/> sets it.</summary>
    public IReadOnlyList<TunnelThread> TunnelThreads { get; set; } = [];

    /// <summary>Carries what data threads report to the actors.</summary>
    public DataPlaneRelay Relay { get; }

    /// <summary>
    /// Binds the receive sockets. Whatever arrives from now on waits in their buffers, so that this is done before anything that takes time.
    /// </summary>
    /// <exception cref="LinuxException">A socket could not be bound; none is left open.</exception>
    public static DataPlane Bind(DataPlaneOptions options, ILoggerFactory loggers)
    {
        var sockets = new List<UdpSocket>();
        try
        {
            for (var i = 0; i < options.ReceiveThreads.Count; i++)
                sockets.Add(UdpSocket.Open(options.Listen, options.ReceiveBufferBytes, options.BusyPollMicroseconds, options.ReceiveMerged));
        }
        catch
        {
            sockets.ForEach(socket => socket.Dispose());
            throw;
        }

        return new DataPlane(options, sockets, loggers);
    }

    /// <summary>Makes an endpoint's device pair. Blocks for a few milliseconds.</summary>
    /// <exception cref="LinuxException">A device cannot be made; nothing is left behind.</exception>
    public TunnelPort OpenPort(EniGate gate) => TunnelPort.Open(gate, Options, Relay);
}
