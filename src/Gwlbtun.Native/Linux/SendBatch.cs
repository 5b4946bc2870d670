using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Up to <see cref="Capacity"/> packets in a native slab, sent with one <c>sendmmsg(2)</c>. Each slot has
/// <see cref="Headroom"/> bytes in front of the packet, for the headers that encapsulate it. One thread uses it.
/// </summary>
/// <remarks>
/// An entry is a packet, for an internet socket, or a frame, for a packet socket: one packet, or a super-packet of several segments, which takes as many of
/// the blocks of headers.
/// </remarks>
internal sealed unsafe partial class SendBatch : IDisposable
{
    /// <summary>Room in front of a packet: a virtio header (10), Ethernet (14), outer IPv4 and UDP (28), and the largest Geneve header (260).</summary>
    public const int Headroom = 320;

    /// <summary>Slots of a batch, unless asked for otherwise.</summary>
    public const int DefaultCapacity = 64;

    /// <summary>The largest IP packet that a slot takes, in bytes.</summary>
    public const int PacketBytes = 65_535;

    /// <summary>Room that a device needs to read such a packet into, its virtio header included.</summary>
    public const int ReadBytes = PacketBytes + VirtioNetHeader.Length;

    // As in ReceiveBatch: off the power of two.
    private const int SlotStride = 65_536 + 4096 + 512;

    /// <summary>Packets of one <c>sendmmsg</c> at most (UIO_MAXIOV): the segments of super-packets are more than the slots.</summary>
    public const int MessageCapacity = 1024;

    /// <summary>Room for the headers of one segment: what goes in front of the inner packet, and the inner packet's own. As slots, off the power of two.</summary>
    public const int HeaderStride = 1024 + 64;

    private const int PiecesPerMessage = 2;

    private readonly byte* _slots;
    private readonly byte* _headers;
    private readonly MultiMessage* _messages;
    private readonly IoVector* _vectors;
    private readonly InternetAddress* _names;
    private readonly LinkLayerAddress* _links;
    private int _blocksTaken;

    public SendBatch(int capacity = DefaultCapacity)
    {
        Capacity = capacity;
        _slots = (byte*)NativeMemory.AlignedAlloc((nuint)capacity * SlotStride, 4096);
        _headers = (byte*)NativeMemory.AlignedAlloc(MessageCapacity * HeaderStride, 64);
        _messages = (MultiMessage*)NativeMemory.AllocZeroed(MessageCapacity, (nuint)sizeof(MultiMessage));
        _vectors = (IoVector*)NativeMemory.AllocZeroed(MessageCapacity * PiecesPerMessage, (nuint)sizeof(IoVector));
        _names = (InternetAddress*)NativeMemory.AllocZeroed(MessageCapacity, (nuint)sizeof(InternetAddress));
        _links = (LinkLayerAddress*)NativeMemory.AllocZeroed(MessageCapacity, (nuint)sizeof(LinkLayerAddress));
    }

    /// <summary>Slots.</summary>
    public int Capacity { get; }

    /// <summary>Entries that are to be sent.</summary>
    public int Count { get; private set; }

    /// <summary>Whether so many packets or segments more can be sent before <see cref="ClearMessages"/>.</summary>
    public bool HasRoomFor(int packets) => _blocksTaken + packets <= MessageCapacity;

    /// <summary>Slots that hold packets, to be sent or not.</summary>
    public int SlotsTaken { get; private set; }

    /// <summary>Whether no slot is free.</summary>
    public bool IsFull => SlotsTaken == Capacity;

    /// <summary>Where the next packet is to be read to; its headers go in front.</summary>
    public byte* NextPacket => _slots + ((nint)SlotsTaken * SlotStride) + Headroom;

    /// <summary>Keeps what was read to <see cref="NextPacket"/> in its slot, until <see cref="Clear"/>.</summary>
    public void TakeSlot() => SlotsTaken++;

    /// <summary>Where the headers of the next packet may be written, when they do not fit in front of it: <see cref="HeaderStride"/> bytes.</summary>
    public byte* NextHeaders => _headers + ((nint)_blocksTaken * HeaderStride);

    /// <summary>Has bytes of a slot that was taken sent, after those of earlier calls.</summary>
    /// <param name="start">First byte to send, within the slot.</param>
    /// <param name="length">Bytes to send.</param>
    /// <param name="destinationAddress">IPv4, network byte order.</param>
    /// <param name="destinationPort">Host byte order; a raw socket ignores it.</param>
    public void Append(byte* start, int length, uint destinationAddress, ushort destinationPort)
    {
        NextVectors[0] = new() { Base = start, Length = (nuint)length };
        Append(1, destinationAddress, destinationPort);
    }

    /// <summary>The same with headers from <see cref="NextHeaders"/> in front.</summary>
    /// <param name="headers">First byte of the headers.</param>
    /// <param name="headersLength">Their bytes.</param>
    /// <param name="start">First byte that follows them, within the slot.</param>
    /// <param name="length">Bytes from there on.</param>
    /// <param name="destinationAddress">IPv4, network byte order.</param>
    /// <param name="destinationPort">Host byte order; a raw socket ignores it.</param>
    public void Append(byte* headers, int headersLength, byte* start, int length, uint destinationAddress, ushort destinationPort)
    {
        WritePieces(headers, headersLength, start, length);
        Append(PiecesPerMessage, destinationAddress, destinationPort);
    }

    /// <summary>Has a frame of one packet sent that lies in a slot that was taken, from its virtio header on.</summary>
    /// <param name="start">First byte to send, within the slot.</param>
    /// <param name="length">Bytes to send.</param>
    /// <param name="interfaceIndex">The kernel's interface index.</param>
    /// <param name="protocol">EtherType.</param>
    public void AppendFrame(byte* start, int length, int interfaceIndex, ushort protocol)
    {
        BeginFrame(interfaceIndex, protocol);
        AppendSegment(start, length, start + length, 0);
        EndFrame();
    }

    /// <summary>Begins a frame that leaves through an interface: its segments follow by <see cref="AppendSegment"/>, then <see cref="EndFrame"/>.</summary>
    /// <param name="interfaceIndex">The kernel's interface index.</param>
    /// <param name="protocol">EtherType.</param>
    public void BeginFrame(int interfaceIndex, ushort protocol)
    {
        _links[Count] = new() { Family = SocketOption.AfPacket, ProtocolNetworkOrder = BinaryPrimitives.ReverseEndianness(protocol), InterfaceIndex = interfaceIndex };
        _messages[Count].Header = new() { Name = &_links[Count], NameLength = (uint)sizeof(LinkLayerAddress), Vectors = NextVectors };
    }

    /// <summary>Adds a segment to the frame: headers, from <see cref="NextHeaders"/> or in front of the packet, and what follows them.</summary>
    public void AppendSegment(byte* headers, int headersLength, byte* start, int length)
    {
        WritePieces(headers, headersLength, start, length);
        _messages[Count].Header.VectorCount += PiecesPerMessage;
        _blocksTaken++;
    }

    /// <summary>The frame has all its segments.</summary>
    public void EndFrame() => Count++;

    /// <summary>The headers and the rest of a segment of frame <paramref name="index"/>, to be sent otherwise than in the frame.</summary>
    public IoVector* PiecesOf(int index, int segment) => (IoVector*)_messages[index].Header.Vectors + (segment * PiecesPerMessage);

    /// <summary>Sends entries from <paramref name="first"/> on, at most <paramref name="count"/> of them.</summary>
    /// <returns>How many went; an error speaks of entry <paramref name="first"/> alone.</returns>
    public SysResult Send(int fd, int first, int count) => Send(fd, _messages + first, count);

    /// <summary>Sends one packet by itself.</summary>
    /// <param name="fd">An internet socket.</param>
    /// <param name="pieces">Its two pieces.</param>
    /// <param name="destinationAddress">IPv4, network byte order.</param>
    public static SysResult SendAlone(int fd, IoVector* pieces, uint destinationAddress)
    {
        var name = new InternetAddress(destinationAddress, 0);
        var message = new MultiMessage { Header = new() { Name = &name, NameLength = (uint)sizeof(InternetAddress), Vectors = pieces, VectorCount = PiecesPerMessage } };
        return Send(fd, &message, 1);
    }

    /// <summary>Forgets the packets that were to be sent; the slots stay taken.</summary>
    public void ClearMessages() => Count = _blocksTaken = 0;

    /// <summary>Frees all slots.</summary>
    public void Clear()
    {
        ClearMessages();
        SlotsTaken = 0;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_slots);
        NativeMemory.AlignedFree(_headers);
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_names);
        NativeMemory.Free(_links);
    }

    private IoVector* NextVectors => _vectors + (_blocksTaken * PiecesPerMessage);

    private void WritePieces(byte* headers, int headersLength, byte* start, int length)
    {
        NextVectors[0] = new() { Base = headers, Length = (nuint)headersLength };
        NextVectors[1] = new() { Base = start, Length = (nuint)length };
    }

    private void Append(int pieces, uint destinationAddress, ushort destinationPort)
    {
        _names[Count] = new(destinationAddress, destinationPort);
        _messages[Count].Header = new() { Name = &_names[Count], NameLength = (uint)sizeof(InternetAddress), Vectors = NextVectors, VectorCount = (nuint)pieces };
        _blocksTaken++;
        Count++;
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
