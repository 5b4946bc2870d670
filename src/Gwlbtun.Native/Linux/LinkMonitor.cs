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
public sealed unsafe class LinkMonitor : IDisposable
{
    private const uint LinkGroup = 1; // RTMGRP_LINK
    private const int BufferBytes = 65_536;

    private readonly Action<LinkEvent> _onEvent;
    private readonly Action _onOverrun;
    private readonly Epoll _epoll = new(2);
    private readonly EventFd _stop = new();
    private readonly int _socket;
    private readonly Thread _thread;

    /// <summary>Subscribes and starts.</summary>
    /// <param name="onEvent">Called for each event, on the monitor's thread.</param>
    /// <param name="onOverrun">Called when events were lost because they came too fast: every interface is to be looked at again.</param>
    /// <exception cref="LinuxException">The subscription failed.</exception>
    public LinkMonitor(Action<LinkEvent> onEvent, Action onOverrun)
    {
        _onEvent = onEvent;
        _onOverrun = onOverrun;
        _socket = SocketOption.Open(SocketOption.AfNetlink, SocketOption.SockRaw, 0, "an rtnetlink socket");
        _ = SocketOption.Set(_socket, SocketOption.SolSocket, SocketOption.SoRcvbufforce, 4 << 20);
        NetlinkAddress address = new() { Family = SocketOption.AfNetlink, Groups = LinkGroup };
        SocketOption.Bind(_socket, &address, sizeof(NetlinkAddress)).OrThrow("subscribe to link events");
        _epoll.Add(_socket, 0).OrThrow("watch the rtnetlink socket");
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
        FileDescriptor.Close(_socket);
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
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var received = SocketOption.Receive(_socket, start, BufferBytes, 0);
                if (received.IsError)
                {
                    if (received.Errno == LinuxError.ENOBUFS)
                        _onOverrun();
                    if (received.Errno is LinuxError.ENOBUFS or LinuxError.EINTR)
                        continue;
                    return;
                }

                var end = start + received.Value;
                for (var at = start; at + sizeof(NetlinkHeader) <= end;)
                {
                    var header = (NetlinkHeader*)at;
                    if (header->Length < sizeof(NetlinkHeader) || at + header->Length > end)
                        break;
                    if (header->Type is NetlinkMessage.NewLink or NetlinkMessage.DeleteLink && header->Length >= sizeof(NetlinkHeader) + sizeof(InterfaceInfo))
                        _onEvent(Parse(header));
                    at += (header->Length + 3) & ~3u;
                }
            }
        }
    }

    private static LinkEvent Parse(NetlinkHeader* header)
    {
        var info = (InterfaceInfo*)(header + 1);
        var end = (byte*)header + header->Length;
        var name = string.Empty;
        for (var at = (byte*)(info + 1); at + sizeof(NetlinkAttribute) <= end;)
        {
            var attribute = (NetlinkAttribute*)at;
            if (attribute->Length < sizeof(NetlinkAttribute) || at + attribute->Length > end)
                break;
            if (attribute->Type == NetlinkMessage.IflaIfname)
                name = Encoding.ASCII.GetString(at + sizeof(NetlinkAttribute), attribute->Length - sizeof(NetlinkAttribute)).TrimEnd('\0');
            at += (attribute->Length + 3) & ~3;
        }

        // A bridge port's own DELLINK speaks of the bridge, not of the interface (family AF_BRIDGE).
        var exists = header->Type == NetlinkMessage.NewLink || info->Family != 0;
        return new(info->Index, name, exists, (info->Flags & NetlinkMessage.IffUp) != 0);
    }
}
