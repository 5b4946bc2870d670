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
    private readonly NamespaceNameMonitor? _names;
    private readonly Dictionary<(NamedNetworkNamespace?, int), TunnelPort> _byLink = [];

    /// <exception cref="LinuxException">The threads or the subscription could not be had.</exception>
    public TunnelPorts(DataPlane dataPlane, IActorRef owner)
    {
        _dataPlane = dataPlane;
        _links = new LinkMonitor(
            link => owner.Tell(new LinkChanged(link), ActorRefs.NoSender),
            () => owner.Tell(LinkEventsLost.Instance, ActorRefs.NoSender));
        try
        {
            if (dataPlane.Options.Namespaces is not null)
            {
                _names = new NamespaceNameMonitor(
                    name => owner.Tell(new NamespaceDeleted(name), ActorRefs.NoSender),
                    () => owner.Tell(LinkEventsLost.Instance, ActorRefs.NoSender));
            }

            _pool = new TunnelThreadPool(dataPlane.Options, dataPlane.Sockets[0], dataPlane.Quiescence, dataPlane.Relay);
            dataPlane.TunnelThreads = _pool.Threads;
        }
        catch
        {
            _links.Dispose();
            _names?.Dispose();
            throw;
        }
    }

    public IReadOnlyList<TunnelThread> Threads => [.. _pool.Threads];

    public bool UsesBoundSockets => _pool.UsesBoundSockets;

    public LinuxError? UplinkError => _pool.UplinkError;

    /// <summary>Every port that is read.</summary>
    public IEnumerable<TunnelPort> All => _byLink.Values.Distinct();

    /// <summary>Has the port read, and its links watched.</summary>
    /// <exception cref="LinuxException">A queue or the links cannot be watched.</exception>
    public void Attach(TunnelPort port)
    {
        foreach (var link in LinksOf(port))
            _byLink[link] = port;
        if (port.Namespace is { } network)
            _links.Watch(network);
        _pool.Attach(port);
    }

    /// <summary>Withdraws the port and closes its devices as soon as no data thread uses them. Its gate must be shut.</summary>
    public async Task ReleaseAsync(TunnelPort port)
    {
        foreach (var link in LinksOf(port))
            _byLink.Remove(link);
        if (port.Namespace is { } network)
            _links.Unwatch(network);
        _pool.Detach(port);
        await _dataPlane.Quiescence.WhenPassedAsync().ConfigureAwait(false);
        port.Dispose();
    }

    /// <summary>The port that a link belongs to, or null.</summary>
    public TunnelPort? Find(LinkEvent link) => _byLink.GetValueOrDefault((link.Namespace, link.InterfaceIndex));

    /// <summary>Starts another thread in the place of one that died.</summary>
    /// <exception cref="LinuxException">A descriptor could not be had.</exception>
    public void Replace(TunnelThread dead) => _pool.Replace(dead);

    /// <summary>Ends the threads, when they have returned what is in flight.</summary>
    public Task StopThreadsAsync() => _pool.StopAsync();

    /// <summary>Ends what has not ended yet, and frees everything. Every gate must be shut.</summary>
    public async ValueTask DisposeAsync()
    {
        _links.Dispose();
        _names?.Dispose();
        await StopThreadsAsync().ConfigureAwait(false);
        await _dataPlane.Quiescence.WhenPassedAsync().ConfigureAwait(false);
        foreach (var port in All)
            port.Dispose();
        _pool.Dispose();
    }

    private static IEnumerable<(NamedNetworkNamespace?, int)> LinksOf(TunnelPort port)
    {
        yield return (port.Namespace, port.Ingress.InterfaceIndex);
        if (port.Egress is { } egress)
            yield return (port.Namespace, egress.InterfaceIndex);
    }
}
