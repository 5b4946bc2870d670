using Akka.Actor;
using Gwlbtun.Actors.Gateway;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// The ports in use, the threads that read them, and the watch on their links. <see cref="TunnelSupervisor"/>'s own; link events reach it as
/// messages.
/// </summary>
internal sealed class TunnelPorts : IAsyncDisposable
{
    private readonly DataPlane _dataPlane;
    private readonly TunnelThreadPool _pool;
    private readonly LinkMonitor _links;
    private readonly Dictionary<int, TunnelPort> _byLink = [];

    /// <exception cref="LinuxException">The threads or the subscription could not be had.</exception>
    public TunnelPorts(DataPlane dataPlane, IActorRef owner)
    {
        _dataPlane = dataPlane;
        _links = new LinkMonitor(
            link => owner.Tell(new LinkChanged(link), ActorRefs.NoSender),
            () => owner.Tell(LinkEventsLost.Instance, ActorRefs.NoSender));
        try
        {
            _pool = new TunnelThreadPool(dataPlane.Options, dataPlane.Sockets[0], dataPlane.Quiescence, dataPlane.Relay);
            dataPlane.TunnelThreads = _pool.Threads;
        }
        catch
        {
            _links.Dispose();
            throw;
        }
    }

    public IReadOnlyList<TunnelThread> Threads => [.. _pool.Threads];

    public bool UsesBoundSockets => _pool.UsesBoundSockets;

    public LinuxError? UplinkError => _pool.UplinkError;

    /// <summary>Every device of every port, with its port.</summary>
    public IEnumerable<(TunnelPort Port, TunDevice Device)> Devices
    {
        get
        {
            foreach (var (link, port) in _byLink)
                yield return (port, port.Ingress.InterfaceIndex == link ? port.Ingress : port.Egress!);
        }
    }

    /// <summary>Has the port read, and its links watched.</summary>
    /// <exception cref="LinuxException">A queue cannot be watched.</exception>
    public void Attach(TunnelPort port)
    {
        _byLink[port.Ingress.InterfaceIndex] = port;
        if (port.Egress is { } egress)
            _byLink[egress.InterfaceIndex] = port;
        _pool.Attach(port);
    }

    /// <summary>Withdraws the port and closes its devices as soon as no data thread uses them. Its gate must be shut.</summary>
    public async Task ReleaseAsync(TunnelPort port)
    {
        _byLink.Remove(port.Ingress.InterfaceIndex);
        if (port.Egress is { } egress)
            _byLink.Remove(egress.InterfaceIndex);
        _pool.Detach(port);
        await _dataPlane.Quiescence.WhenPassedAsync().ConfigureAwait(false);
        port.Dispose();
    }

    /// <summary>The port that a link belongs to, or null.</summary>
    public TunnelPort? Find(int interfaceIndex) => _byLink.GetValueOrDefault(interfaceIndex);

    /// <summary>Starts another thread in the place of one that died.</summary>
    /// <exception cref="LinuxException">A descriptor could not be had.</exception>
    public void Replace(TunnelThread dead) => _pool.Replace(dead);

    /// <summary>Ends the threads, when they have returned what is in flight.</summary>
    public Task StopThreadsAsync() => _pool.StopAsync();

    /// <summary>Ends what has not ended yet, and frees everything. Every gate must be shut.</summary>
    public async ValueTask DisposeAsync()
    {
        _links.Dispose();
        await StopThreadsAsync().ConfigureAwait(false);
        await _dataPlane.Quiescence.WhenPassedAsync().ConfigureAwait(false);
        foreach (var port in _byLink.Values.Distinct())
            port.Dispose();
        _pool.Dispose();
    }
}
