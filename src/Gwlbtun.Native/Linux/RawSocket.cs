namespace Gwlbtun.Native.Linux;

/// <summary>
/// An IPPROTO_RAW socket (raw(7)): sends IPv4 packets whose header the caller wrote, source address and port included.
/// Needs CAP_NET_RAW.
/// </summary>
internal sealed class RawSocket : IDisposable
{
    private int _fd;

    private RawSocket(int fd) => _fd = fd;

    public int Handle => _fd;

    /// <summary>Opens the socket, or says why not (EPERM without CAP_NET_RAW).</summary>
    /// <param name="sendBufferBytes">Bytes that may wait to be sent.</param>
    /// <param name="error">Why it could not be opened.</param>
    public static RawSocket? TryOpen(int sendBufferBytes, out LinuxError error)
    {
        var opened = SocketOption.TryOpen(SocketOption.AfInet, SocketOption.SockRaw, SocketOption.IpprotoRaw);
        error = opened.Error;
        if (opened.IsError)
            return null;
        SocketOption.GrantSendBuffer(opened.Value, sendBufferBytes);
        SocketOption.ReportSendErrors(opened.Value);
        return new(opened.Value);
    }

    public void Dispose()
    {
        var fd = Interlocked.Exchange(ref _fd, -1);
        if (fd >= 0)
            FileDescriptor.Close(fd);
    }
}
