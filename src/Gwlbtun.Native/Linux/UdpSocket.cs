using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Gwlbtun.Native.Linux;

/// <summary>How a receive buffer request ended: bytes asked for, and bytes that the kernel granted.</summary>
/// <param name="Requested">Bytes asked for.</param>
/// <param name="Granted">Usable bytes granted (half of what SO_RCVBUF reports: the kernel doubles it for its own books).</param>
public readonly record struct BufferGrant(int Requested, int Granted)
{
    /// <summary>Whether less was granted than asked for.</summary>
    public bool IsShort => Granted < Requested;
}

/// <summary>
/// A non-blocking IPv4 UDP socket that shares its port with its siblings (SO_REUSEPORT) and tells for each datagram
/// which local address it was sent to (IP_PKTINFO), whether it came in fragments (IP_RECVFRAGSIZE) and how many
/// datagrams the socket had to drop (SO_RXQ_OVFL).
/// </summary>
public sealed unsafe class UdpSocket : IDisposable
{
    private int _fd;

    private UdpSocket(int fd, IPEndPoint endPoint)
    {
        _fd = fd;
        EndPoint = endPoint;
    }

    /// <summary>The local address and port.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>What became of the receive buffer that was asked for.</summary>
    public BufferGrant ReceiveBuffer { get; private set; }

    /// <summary>Datagrams that the kernel dropped because the buffer was full, since the socket was opened. Written by the thread that receives.</summary>
    public ulong Drops { get; private set; }

    /// <summary>How much of the receive buffer is in use, from 0 to 1 (SO_MEMINFO; 0 where the kernel does not tell).</summary>
    public double WaitingShare
    {
        get
        {
            var meminfo = stackalloc uint[SocketOption.MeminfoVars];
            return SocketOption.Read(_fd, SocketOption.SolSocket, SocketOption.SoMeminfo, meminfo, SocketOption.MeminfoVars * sizeof(uint)).IsError
                ? 0
                : (double)meminfo[SocketOption.MeminfoRmemAlloc] / meminfo[SocketOption.MeminfoRcvbuf];
        }
    }

    internal int Handle => _fd;

    /// <summary>Takes the kernel's own 32-bit count (SO_RXQ_OVFL), which wraps.</summary>
    /// <returns>How many more than before.</returns>
    internal uint NoteDrops(uint kernelCount)
    {
        var more = unchecked(kernelCount - (uint)Drops);
        Drops += more;
        return more;
    }

    /// <summary>Opens and binds the socket.</summary>
    /// <param name="endPoint">IPv4 address and port.</param>
    /// <param name="receiveBufferBytes">Receive buffer in bytes; set with SO_RCVBUFFORCE (CAP_NET_ADMIN), else with SO_RCVBUF up to net.core.rmem_max.</param>
    /// <param name="busyPollMicroseconds">SO_BUSY_POLL, 0 = off.</param>
    /// <param name="takesMerged">Whether datagrams of a flow that arrive together may come as one (UDP_GRO), where the kernel can do so.</param>
    /// <exception cref="LinuxException">The socket cannot be opened or bound.</exception>
    public static UdpSocket Open(IPEndPoint endPoint, int receiveBufferBytes, int busyPollMicroseconds = 0, bool takesMerged = false)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(endPoint.AddressFamily, AddressFamily.InterNetwork);
        var fd = SocketOption.Open(SocketOption.AfInet, SocketOption.SockDgram, 0, "a UDP socket");
        var socket = new UdpSocket(fd, endPoint);
        try
        {
            Require(fd, SocketOption.SolSocket, SocketOption.SoReuseport, 1, "share the UDP port among receive threads (SO_REUSEPORT)");
            Require(fd, SocketOption.IpprotoIp, SocketOption.IpPktinfo, 1, "ask for destination addresses (IP_PKTINFO)");
            Require(fd, SocketOption.IpprotoIp, SocketOption.IpRecvfragsize, 1, "ask for fragment sizes (IP_RECVFRAGSIZE)");
            Require(fd, SocketOption.SolSocket, SocketOption.SoRxqOvfl, 1, "ask for the drop counter (SO_RXQ_OVFL)");
            if (busyPollMicroseconds > 0)
                Require(fd, SocketOption.SolSocket, SocketOption.SoBusyPoll, busyPollMicroseconds, "set SO_BUSY_POLL");
            // Before Linux 5.0 there is no such thing, and nothing is lost.
            if (takesMerged)
                _ = SocketOption.Set(fd, SocketOption.IpprotoUdp, SocketOption.UdpGro, 1);
            socket.ReceiveBuffer = socket.GrantReceiveBuffer(receiveBufferBytes);
            var address = new InternetAddress(BinaryPrimitives.ReverseEndianness(ToHostOrder(endPoint.Address)), (ushort)endPoint.Port);
            SocketOption.Bind(fd, &address, sizeof(InternetAddress)).OrThrow($"bind UDP {endPoint}");
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var fd = Interlocked.Exchange(ref _fd, -1);
        if (fd >= 0)
            FileDescriptor.Close(fd);
    }

    private BufferGrant GrantReceiveBuffer(int bytes)
    {
        if (SocketOption.Set(_fd, SocketOption.SolSocket, SocketOption.SoRcvbufforce, bytes).IsError)
            _ = SocketOption.Set(_fd, SocketOption.SolSocket, SocketOption.SoRcvbuf, bytes);
        return new(bytes, SocketOption.Get(_fd, SocketOption.SolSocket, SocketOption.SoRcvbuf) / 2);
    }

    private static void Require(int fd, int level, int option, int value, string purpose) =>
        SocketOption.Set(fd, level, option, value).OrThrow(purpose);

    private static uint ToHostOrder(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[4];
        _ = address.TryWriteBytes(bytes, out _);
        return BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }
}
