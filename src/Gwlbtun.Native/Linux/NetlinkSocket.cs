using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// A non-blocking rtnetlink socket (rtnetlink(7)), for requests or for notifications. It stays in the network namespace of the thread that
/// opened it, whichever thread uses it.
/// </summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    // Notifications come in bursts: a thousand of devices take some 2 MB.
    private const int SubscriptionBufferBytes = 4 << 20;

    private int _fd;
    private uint _sequence;

    private NetlinkSocket(int fd) => _fd = fd;

    public int Handle => _fd;

    /// <summary>Opens a socket, or says why not.</summary>
    /// <param name="groups">The groups to be notified by, a bit each (RTMGRP_*); 0 for a socket that asks.</param>
    /// <param name="error">Why it could not be opened.</param>
    public static NetlinkSocket? TryOpen(uint groups, out LinuxError error)
    {
        var opened = SocketOption.TryOpen(SocketOption.AfNetlink, SocketOption.SockRaw, 0);
        error = opened.Error;
        if (opened.IsError)
            return null;
        NetlinkSocket socket = new(opened.Value);
        if (groups == 0)
            return socket;
        _ = SocketOption.Set(opened.Value, SocketOption.SolSocket, SocketOption.SoRcvbufforce, SubscriptionBufferBytes);
        NetlinkAddress address = new() { Family = SocketOption.AfNetlink, Groups = groups };
        error = SocketOption.Bind(opened.Value, &address, sizeof(NetlinkAddress)).Error;
        if (error.Number == 0)
            return socket;
        socket.Dispose();
        return null;
    }

    /// <summary>Takes one datagram of notifications. EAGAIN when there is none, ENOBUFS when some were lost since.</summary>
    public SysResult Receive(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var received = SocketOption.Receive(_fd, start, buffer.Length, 0);
                if (received.Errno != LinuxError.EINTR)
                    return received;
            }
        }
    }

    /// <summary>Sends a request and takes its answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="answer">Takes the datagram with the answer's first message; what does not fit is cut off.</param>
    /// <returns>Bytes of the answer, or why there is none. An answer may be an error, too.</returns>
    public SysResult Exchange(NetlinkMessage request, Span<byte> answer)
    {
        var message = request.Finish(++_sequence);
        NetlinkAddress kernel = new() { Family = SocketOption.AfNetlink };
        fixed (byte* bytes = message)
        {
            var sent = SocketOption.SendTo(_fd, bytes, message.Length, &kernel, sizeof(NetlinkAddress));
            if (sent.IsError)
                return sent;
        }

        // The kernel has answered by the time that sendto returns: rtnetlink works in the caller's context.
        while (true)
        {
            var received = Receive(answer);
            if (received.IsError)
                return received;
            if (received.Value >= sizeof(NetlinkHeader) && Unsafe.ReadUnaligned<NetlinkHeader>(ref answer[0]).Sequence == _sequence)
                return received;
        }
    }

    public void Dispose()
    {
        var fd = Interlocked.Exchange(ref _fd, -1);
        if (fd >= 0)
            FileDescriptor.Close(fd);
    }
}
