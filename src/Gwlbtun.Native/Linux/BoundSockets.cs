using System.Numerics;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Without CAP_NET_RAW a packet's source port can be had only from a socket bound to it: a bounded cache of send-only UDP
/// sockets, one for each local address and source port, direct-mapped. One thread uses it.
/// </summary>
internal sealed unsafe class BoundSockets : IDisposable
{
    private const int SendBufferBytes = 4 << 20;

    private readonly Entry[] _entries;
    private readonly UdpSocket _receiveSocket;

    /// <param name="capacity">Sockets kept open at most; rounded up to a power of two.</param>
    /// <param name="receiveSocket">Sends what has the receive port itself as its source: a further socket on that port would take packets from it.</param>
    public BoundSockets(int capacity, UdpSocket receiveSocket)
    {
        _receiveSocket = receiveSocket;
        _entries = new Entry[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        Array.Fill(_entries, new Entry { Fd = -1 });
    }

    /// <summary>The socket bound to the address and port, opened when there is none.</summary>
    /// <param name="address">Local IPv4 address, network byte order.</param>
    /// <param name="port">Source port, host byte order.</param>
    /// <returns>Its descriptor; EADDRINUSE when another program holds the port, EMFILE when descriptors are used up.</returns>
    public SysResult Get(uint address, ushort port)
    {
        if (port == _receiveSocket.EndPoint.Port)
            return SysResult.From(_receiveSocket.Handle);
        var hash = ((address * 0x9E3779B1u) ^ port) * 0x85EBCA6Bu;
        ref var entry = ref _entries[(hash >> 7) & (uint)(_entries.Length - 1)];
        if (entry.Fd >= 0 && entry.Address == address && entry.Port == port)
            return SysResult.From(entry.Fd);
        var opened = Open(address, port);
        if (opened.IsError)
            return opened;
        if (entry.Fd >= 0)
            FileDescriptor.Close(entry.Fd);
        entry = new() { Fd = opened.Value, Address = address, Port = port };
        return opened;
    }

    public void Dispose()
    {
        foreach (ref var entry in _entries.AsSpan())
        {
            if (entry.Fd >= 0)
                FileDescriptor.Close(entry.Fd);
            entry.Fd = -1;
        }
    }

    private static SysResult Open(uint address, ushort port)
    {
        var opened = SocketOption.TryOpen(SocketOption.AfInet, SocketOption.SockDgram, 0);
        if (opened.IsError)
            return opened;
        var fd = opened.Value;
        // It only sends: a filter that takes nothing keeps what arrives at the port out of its buffer.
        var refuseAll = new FilterInstruction { Code = FilterInstruction.ReturnConstant, Constant = 0 };
        var program = new FilterProgram { Length = 1, Instructions = &refuseAll };
        _ = SocketOption.Set(fd, SocketOption.SolSocket, SocketOption.SoAttachFilter, &program, sizeof(FilterProgram));
        // Every tunnel thread may need the same port.
        _ = SocketOption.Set(fd, SocketOption.SolSocket, SocketOption.SoReuseaddr, 1);
        _ = SocketOption.Set(fd, SocketOption.SolSocket, SocketOption.SoReuseport, 1);
        _ = SocketOption.Set(fd, SocketOption.IpprotoIp, SocketOption.IpMtuDiscover, SocketOption.IpPmtudiscProbe);
        SocketOption.GrantSendBuffer(fd, SendBufferBytes);
        SocketOption.ReportSendErrors(fd);
        var local = new InternetAddress(address, port);
        var bound = SocketOption.Bind(fd, &local, sizeof(InternetAddress));
        if (!bound.IsError)
            return opened;
        FileDescriptor.Close(fd);
        return bound;
    }

    private struct Entry
    {
        public int Fd;
        public uint Address;
        public ushort Port;
    }
}

/// <summary><c>struct sock_filter</c> (linux/filter.h).</summary>
internal struct FilterInstruction
{
    public const ushort ReturnConstant = 0x06; // BPF_RET | BPF_K

    public ushort Code;
    public byte JumpTrue;
    public byte JumpFalse;
    public uint Constant;
}

/// <summary><c>struct sock_fprog</c> (linux/filter.h).</summary>
internal unsafe struct FilterProgram
{
    public ushort Length;
    public FilterInstruction* Instructions;
}
