using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary>What became of a network interface.</summary>
/// <param name="InterfaceIndex">The kernel's interface index.</param>
/// <param name="Name">Its name, empty when the kernel did not say.</param>
/// <param name="Exists">False once it was deleted (or left this network namespace).</param>
/// <param name="IsUp">Whether it is administratively up (IFF_UP).</param>
public readonly record struct LinkEvent(int InterfaceIndex, string Name, bool Exists, bool IsUp);

/// <summary>
/// Tells of every interface that is added, changed or deleted in this network namespace (RTNLGRP_LINK), from a thread of its own.
/// </summary>
public sealed class LinkMonitor : IDisposable
{
    private const uint LinkGroup = 1; // RTMGRP_LINK
    private const int BufferBytes = 65_536;

    private readonly Action<LinkEvent> _onEvent;
    private readonly Action _onOverrun;
    private readonly Epoll _epoll = new(2);
    private readonly EventFd _stop = new();
    private readonly NetlinkSocket _socket;
    private readonly Thread _thread;

    /// <summary>Subscribes and starts.</summary>
    /// <param name="onEvent">Called for each event, on the monitor's thread.</param>
    /// <param name="onOverrun">Called when events were lost because they came too fast: every interface is to be looked at again.</param>
    /// <exception cref="LinuxException">The subscription failed.</exception>
    public LinkMonitor(Action<LinkEvent> onEvent, Action onOverrun)
    {
        _onEvent = onEvent;
        _onOverrun = onOverrun;
        _socket = NetlinkSocket.TryOpen(LinkGroup, out var error) ?? throw new LinuxException("subscribe to link events", error);
        _epoll.Add(_socket.Handle, 0).OrThrow("watch the rtnetlink socket");
        _epoll.Add(_stop.Handle, 1).OrThrow("watch an eventfd");
        _thread = new(Run, 256 * 1024) { Name = "gwlbtun links", IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Signal();
        _thread.Join();
        _epoll.Dispose();
        _stop.Dispose();
        _socket.Dispose();
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
                if (_epoll.Token(i) == 1)
                    return;
            }

            Receive(buffer);
        }
    }

    private void Receive(byte[] buffer)
    {
        while (true)
        {
            var received = _socket.Receive(buffer);
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
                    _onEvent(EventOf(reader.Header.Type, info, attributes));
            }
        }
    }

    private static LinkEvent EventOf(ushort type, in InterfaceInfo info, NetlinkAttributes attributes)
    {
        var name = string.Empty;
        while (attributes.Read())
        {
            if (attributes.Type == NetlinkMessage.IflaIfname)
                name = Encoding.ASCII.GetString(attributes.Value).TrimEnd('\0');
        }

        // A bridge port's own DELLINK speaks of the bridge, not of the interface (family AF_BRIDGE).
        var exists = type == NetlinkMessage.NewLink || info.Family != 0;
        return new(info.Index, name, exists, (info.Flags & NetlinkMessage.IffUp) != 0);
    }
}
