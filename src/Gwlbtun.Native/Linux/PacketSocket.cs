using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// A packet socket (packet(7)) on one interface, with a <see cref="VirtioNetHeader"/> in front of every packet: sends super-packets, and sees them
/// whole. Needs CAP_NET_RAW.
/// </summary>
internal sealed unsafe class PacketSocket : IDisposable
{
    private readonly LinkLayerAddress _address;
    private int _fd;

    private PacketSocket(int fd, in LinkLayerAddress address)
    {
        _fd = fd;
        _address = address;
    }

    /// <summary>Opens one that hears everything on the interface.</summary>
    public static PacketSocket? TryOpen(int interfaceIndex, out LinuxError error)
    {
        var opened = SocketOption.TryOpen(SocketOption.AfPacket, SocketOption.SockRaw, BinaryPrimitives.ReverseEndianness(SocketOption.EthPAll));
        error = opened.Error;
        if (opened.IsError)
            return null;
        LinkLayerAddress address = new() { Family = SocketOption.AfPacket, ProtocolNetworkOrder = BinaryPrimitives.ReverseEndianness(SocketOption.EthPAll), InterfaceIndex = interfaceIndex };
        var set = SocketOption.Set(opened.Value, SocketOption.SolPacket, SocketOption.PacketVnetHdr, 1);
        if (!set.IsError)
            set = SocketOption.Bind(opened.Value, &address, sizeof(LinkLayerAddress));
        if (!set.IsError)
            return new(opened.Value, address);
        error = set.Error;
        FileDescriptor.Close(opened.Value);
        return null;
    }

    /// <summary>Opens one that only sends, through any interface.</summary>
    /// <param name="sendBufferBytes">Bytes that may wait to be sent.</param>
    /// <param name="error">Why it could not be opened (EPERM without CAP_NET_RAW).</param>
    public static PacketSocket? TryOpenToSend(int sendBufferBytes, out LinuxError error)
    {
        var opened = SocketOption.TryOpen(SocketOption.AfPacket, SocketOption.SockRaw, 0);
        error = opened.Error;
        if (opened.IsError)
            return null;
        var set = SocketOption.Set(opened.Value, SocketOption.SolPacket, SocketOption.PacketVnetHdr, 1);
        error = set.Error;
        if (set.IsError)
        {
            FileDescriptor.Close(opened.Value);
            return null;
        }

        SocketOption.GrantSendBuffer(opened.Value, sendBufferBytes);
        return new(opened.Value, default);
    }

    public int Handle => _fd;

    /// <summary>Receives one packet, waiting at most so long.</summary>
    /// <returns>Its length with the virtio header, or EAGAIN.</returns>
    public SysResult Receive(byte* buffer, int length, int timeoutMs) =>
        Poll.WaitReadable(_fd, timeoutMs) ? SocketOption.Receive(_fd, buffer, length, SocketOption.MsgDontwait) : SysResult.FromErrno(LinuxError.EAGAIN);

    /// <summary>Sends one packet, its virtio header in front, out of the interface.</summary>
    public SysResult Send(byte* packet, int length, ushort protocol)
    {
        var to = _address;
        to.ProtocolNetworkOrder = BinaryPrimitives.ReverseEndianness(protocol);
        return SocketOption.SendTo(_fd, packet, length, &to, sizeof(LinkLayerAddress));
    }

    public void Dispose()
    {
        var fd = Interlocked.Exchange(ref _fd, -1);
        if (fd >= 0)
            FileDescriptor.Close(fd);
    }
}

/// <summary><c>struct sockaddr_ll</c> (linux/if_packet.h).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal struct LinkLayerAddress
{
    public ushort Family;
    public ushort ProtocolNetworkOrder;
    public int InterfaceIndex;
    public ushort HardwareType;
    public byte PacketType;
    public byte AddressLength;
    public ulong Address;
}
