using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Packets for an internet socket, or frames for a packet socket, that leave with one <c>sendmmsg(2)</c>, and the slab that they lie in. Each is made of pieces, which stay
/// where they are. One thread uses it.
/// </summary>
internal sealed unsafe partial class SendBatch : IDisposable
{
    /// <summary>Messages of one <c>sendmmsg</c> at most (UIO_MAXIOV).</summary>
    public const int MessageCapacity = 1024;

    /// <summary>Pieces of all messages together.</summary>
    public const int PieceCapacity = 2 * MessageCapacity;

    private const int DefaultPackets = 64;

    private readonly MultiMessage* _messages;
    private readonly IoVector* _pieces;
    private readonly InternetAddress* _names;
    private readonly LinkLayerAddress* _links;
    private int _pieceCount;

    /// <param name="packets">Packets that lie in it at most.</param>
    /// <param name="bytes">Bytes that they take at most, with what is in front of them; 0: as many as they may.</param>
    public SendBatch(int packets = DefaultPackets, int bytes = 0)
    {
        Packets = new(packets, bytes);
        _messages = (MultiMessage*)NativeMemory.AllocZeroed(MessageCapacity, (nuint)sizeof(MultiMessage));
        _pieces = (IoVector*)NativeMemory.AllocZeroed(PieceCapacity, (nuint)sizeof(IoVector));
        _names = (InternetAddress*)NativeMemory.AllocZeroed(MessageCapacity, (nuint)sizeof(InternetAddress));
        _links = (LinkLayerAddress*)NativeMemory.AllocZeroed(MessageCapacity, (nuint)sizeof(LinkLayerAddress));
    }

    /// <summary>Where packets lie.</summary>
    public PacketSlab Packets { get; }

    /// <summary>Messages that are to be sent.</summary>
    public int Count { get; private set; }

    /// <summary>Has a packet of one piece sent.</summary>
    /// <param name="start">First byte to send.</param>
    /// <param name="length">Bytes to send.</param>
    /// <param name="destinationAddress">IPv4, network byte order.</param>
    /// <param name="destinationPort">Host byte order; a raw socket ignores it.</param>
    public void Append(byte* start, int length, uint destinationAddress, ushort destinationPort)
    {
        Begin(destinationAddress, destinationPort);
        Add(start, length);
        End();
    }

    /// <summary>Begins a packet: its pieces follow by <see cref="Add"/>, then <see cref="End"/>.</summary>
    /// <param name="destinationAddress">IPv4, network byte order.</param>
    /// <param name="destinationPort">Host byte order; a raw socket ignores it.</param>
    public void Begin(uint destinationAddress, ushort destinationPort)
    {
        _names[Count] = new(destinationAddress, destinationPort);
        _messages[Count].Header = new() { Name = &_names[Count], NameLength = (uint)sizeof(InternetAddress), Vectors = _pieces + _pieceCount };
    }

    /// <summary>Begins a frame that leaves through an interface.</summary>
    /// <param name="interfaceIndex">The kernel's interface index.</param>
    /// <param name="protocol">EtherType.</param>
    public void BeginFrame(int interfaceIndex, ushort protocol)
    {
        _links[Count] = LinkOf(interfaceIndex, protocol);
        _messages[Count].Header = new() { Name = &_links[Count], NameLength = (uint)sizeof(LinkLayerAddress), Vectors = _pieces + _pieceCount };
    }

    /// <summary>Adds a piece to what was begun.</summary>
    public void Add(byte* start, int length)
    {
        _pieces[_pieceCount++] = new() { Base = start, Length = (nuint)length };
        _messages[Count].Header.VectorCount++;
    }

    /// <summary>What was begun has all its pieces.</summary>
    public void End() => Count++;

    /// <summary>Sends messages from <paramref name="first"/> on, at most <paramref name="count"/> of them.</summary>
    /// <returns>How many went; an error speaks of message <paramref name="first"/> alone.</returns>
    public SysResult Send(int fd, int first, int count) => Send(fd, _messages + first, count);

    /// <summary>Sends one packet by itself.</summary>
    /// <param name="fd">An internet socket.</param>
    /// <param name="pieces">Its pieces.</param>
    /// <param name="count">How many.</param>
    /// <param name="destinationAddress">IPv4, network byte order.</param>
    public static SysResult SendAlone(int fd, IoVector* pieces, int count, uint destinationAddress)
    {
        var name = new InternetAddress(destinationAddress, 0);
        return SendAlone(fd, &name, sizeof(InternetAddress), pieces, count);
    }

    /// <summary>Sends one frame by itself.</summary>
    /// <param name="fd">A packet socket.</param>
    /// <param name="pieces">Its pieces.</param>
    /// <param name="count">How many.</param>
    /// <param name="interfaceIndex">The kernel's interface index.</param>
    /// <param name="protocol">EtherType.</param>
    public static SysResult SendFrameAlone(int fd, IoVector* pieces, int count, int interfaceIndex, ushort protocol)
    {
        var link = LinkOf(interfaceIndex, protocol);
        return SendAlone(fd, &link, sizeof(LinkLayerAddress), pieces, count);
    }

    /// <summary>Forgets the messages; the packets stay.</summary>
    public void ClearMessages() => Count = _pieceCount = 0;

    /// <summary>Forgets the messages and the packets.</summary>
    public void Clear()
    {
        ClearMessages();
        Packets.Clear();
    }

    public void Dispose()
    {
        Packets.Dispose();
        NativeMemory.Free(_messages);
        NativeMemory.Free(_pieces);
        NativeMemory.Free(_names);
        NativeMemory.Free(_links);
    }

    private static LinkLayerAddress LinkOf(int interfaceIndex, ushort protocol) =>
        new() { Family = SocketOption.AfPacket, ProtocolNetworkOrder = BinaryPrimitives.ReverseEndianness(protocol), InterfaceIndex = interfaceIndex };

    private static SysResult SendAlone(int fd, void* name, int nameLength, IoVector* pieces, int count)
    {
        var message = new MultiMessage { Header = new() { Name = name, NameLength = (uint)nameLength, Vectors = pieces, VectorCount = (nuint)count } };
        return Send(fd, &message, 1);
    }

    private static SysResult Send(int fd, MultiMessage* messages, int count)
    {
        while (true)
        {
            var result = SysResult.From(sendmmsg(fd, messages, (uint)count, SocketOption.MsgDontwait));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sendmmsg(int fd, MultiMessage* messages, uint count, int flags);
}
