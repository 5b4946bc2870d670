using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary>What became of a network interface.</summary>
/// <param name="Namespace">The network namespace that it is in; null for the handler's own.</param>
/// <param name="InterfaceIndex">The kernel's interface index there.</param>
/// <param name="Name">Its name, empty when the kernel did not say.</param>
/// <param name="Exists">False once it was deleted (or left its network namespace).</param>
/// <param name="IsUp">Whether it is administratively up (IFF_UP).</param>
public readonly record struct LinkEvent(NamedNetworkNamespace? Namespace, int InterfaceIndex, string Name, bool Exists, bool IsUp);

/// <summary>
/// Tells of every interface that is added, changed or deleted in the handler's network namespace, and in those that it is told to watch (RTNLGRP_LINK), from a thread of its
/// own.
/// </summary>
public sealed class LinkMonitor : IDisposable
{
    private const uint LinkGroup = 1; // RTMGRP_LINK
    private const int BufferBytes = 65_536;
    private const int EventsAtOnce = 16;
    private const ulong StopToken = 0;

    private readonly Action<LinkEvent> _onEvent;
    private readonly Action _onOverrun;
    private readonly Epoll _epoll = new(EventsAtOnce);
    private readonly EventFd _stop = new();
    private readonly Thread _thread;
    private readonly Lock _lock = new();

    /// <summary>By token. A subscription is read and ended under the lock, so that no thread reads a socket that another has closed.</summary>
    private readonly Dictionary<ulong, Subscription> _subscriptions = [];
    private ulong _lastToken = StopToken;

    /// <summary>Subscribes in the handler's namespace, and starts.</summary>
    /// <param name="onEvent">Called for each event, on the monitor's thread; must not block.</param>
    /// <param name="onOverrun">Called when events were lost because they came too fast: every interface is to be looked at again.</param>
    /// <exception cref="LinuxException">The subscription failed.</exception>
    public LinkMonitor(Action<LinkEvent> onEvent, Action onOverrun)
    {
        _onEvent = onEvent;
        _onOverrun = onOverrun;
        _epoll.Add(_stop.Handle, StopToken).OrThrow("watch an eventfd");
        Add(new Subscription(null, Subscribe()));
        _thread = new(Run, 256 * 1024) { Name = "gwlbtun links", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Tells of the interfaces of a namespace, too.</summary>
    /// <exception cref="LinuxException">The subscription failed.</exception>
    public void Watch(NamedNetworkNamespace network) => Add(new Subscription(network, network.Run(Subscribe)));

    /// <summary>Tells of them no more. Harmless when it does not.</summary>
    public void Unwatch(NamedNetworkNamespace network)
    {
        lock (_lock)
        {
            foreach (var (token, subscription) in _subscriptions)
            {
                if (subscription.Namespace != network)
                    continue;
                // Closed, it is no longer watched either.
                subscription.Socket.Dispose();
                _subscriptions.Remove(token);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Signal();
        _thread.Join();
        _epoll.Dispose();
        _stop.Dispose();
        foreach (var subscription in _subscriptions.Values)
            subscription.Socket.Dispose();
    }

    private static NetlinkSocket Subscribe() =>
        NetlinkSocket.TryOpen(LinkGroup, out var error) ?? throw new LinuxException("subscribe to link events", error);

    private void Add(Subscription subscription)
    {
        lock (_lock)
        {
            _subscriptions.Add(++_lastToken, subscription);
            _epoll.Add(subscription.Socket.Handle, _lastToken).OrThrow("watch the rtnetlink socket");
        }
    }

    private void Run()
    {
        var buffer = new byte[BufferBytes];
        while (true)
        {
            var ready = _epoll.Wait(-1);
            if (ready.IsError)
                return;
            for (var i = 0; i < ready.Value; i++)
            {
                if (_epoll.Token(i) == StopToken)
                    return;
                lock (_lock)
                {
                    if (_subscriptions.TryGetValue(_epoll.Token(i), out var subscription))
                        Receive(subscription, buffer);
                }
            }
        }
    }

    private void Receive(Subscription subscription, byte[] buffer)
    {
        while (true)
        {
            var received = subscription.Socket.Receive(buffer);
            if (received.Errno == LinuxError.ENOBUFS)
            {
                _onOverrun();
                continue;
            }

            if (received.IsError)
                return;
            NetlinkReader reader = new(buffer.AsSpan(0, received.Value));
            while (reader.Read())
            {
                if (reader.Header.Type is NetlinkMessage.NewLink or NetlinkMessage.DeleteLink
                    && NetlinkAttributes.TryOpen(reader.Payload, out InterfaceInfo info, out var attributes))
                    _onEvent(EventOf(subscription.Namespace, reader.Header.Type, info, attributes));
            }
        }
    }

    private static LinkEvent EventOf(NamedNetworkNamespace? network, ushort type, in InterfaceInfo info, NetlinkAttributes attributes)
    {
        var name = string.Empty;
        while (attributes.Read())
        {
            if (attributes.Type == NetlinkMessage.IflaIfname)
                name = Encoding.ASCII.GetString(attributes.Value).TrimEnd('\0');
        }

        // A bridge port's own DELLINK speaks of the bridge, not of the interface (family AF_BRIDGE).
        var exists = type == NetlinkMessage.NewLink || info.Family != 0;
        return new(network, info.Index, name, exists, (info.Flags & NetlinkMessage.IffUp) != 0);
    }

    private sealed record Subscription(NamedNetworkNamespace? Namespace, NetlinkSocket Socket);
}
