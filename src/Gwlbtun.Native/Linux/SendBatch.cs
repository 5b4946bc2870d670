using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Up to <see cref="Capacity"/> packets in a native slab, sent with one <c>sendmmsg(2)</c>. Each slot has
/// <see cref="Headroom"/> bytes in front of the packet, for the headers that encapsulate it. One thread uses it.
/// </summary>
internal sealed unsafe partial class SendBatch : IDisposable
{
    /// <summary>Room in front of a packet: outer IPv4 and UDP (28) and the largest Geneve header (260).</summary>
    public const int Headroom = 288;

    /// <summary>Slots of a batch, unless asked for otherwise.</summary>
    public const int DefaultCapacity = 64;

    /// <summary>The largest IP packet that a slot takes, in bytes.</summary>
    public const int PacketBytes = 65_535;

    // As in ReceiveBatch: off the power of two.
    private const int SlotStride = 65_536 + 4096 + 512;

    private readonly byte* _slots;
    private readonly MultiMessage* _messages;
    private readonly IoVector* _vectors;
    private readonly InternetAddress* _names;

    public SendBatch(int capacity = DefaultCapacity)
    {
        Capacity = capacity;
        _slots = (byte*)NativeMemory.AlignedAlloc((nuint)capacity * SlotStride, 4096);
        _messages = (MultiMessage*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(MultiMessage));
        _vectors = (IoVector*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(IoVector));
        _names = (InternetAddress*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(InternetAddress));
        for (var i = 0; i < capacity; i++)
            _messages[i].Header = new() { Name = &_names[i], NameLength = (uint)sizeof(InternetAddress), Vectors = &_vectors[i], VectorCount = 1 };
    }

    public int Capacity { get; }

    /// <summary>Packets that are to be sent.</summary>
    public int Count { get; private set; }

    /// <summary>Slots that hold packets, to be sent or not.</summary>
    public int SlotsTaken { get; private set; }

    /// <summary>Whether no slot is free.</summary>
    public bool IsFull => SlotsTaken == Capacity;

    /// <summary>Where the next packet is to be read to; its headers go in front.</summary>
    public byte* NextPacket => _slots + ((nint)SlotsTaken * SlotStride) + Headroom;

    /// <summary>Keeps what was read to <see cref="NextPacket"/> in its slot, until <see cref="Clear"/>.</summary>
    public void TakeSlot() => SlotsTaken++;

    /// <summary>Has bytes of a slot that was taken sent, after those of earlier calls.</summary>
    /// <param name="start">First byte to send, within the slot.</param>
    /// <param name="length">Bytes to send.</param>
    /// <param name="destinationAddress">IPv4, network byte order.</param>
    /// <param name="destinationPort">Host byte order; a raw socket ignores it.</param>
    public void Append(byte* start, int length, uint destinationAddress, ushort destinationPort)
    {
        _vectors[Count] = new() { Base = start, Length = (nuint)length };
        _names[Count] = new(destinationAddress, destinationPort);
        Count++;
    }

    /// <summary>Length in bytes of entry <paramref name="index"/>.</summary>
    public int LengthOf(int index) => (int)_vectors[index].Length;

    /// <summary>Sends entries from <paramref name="first"/> on, at most <paramref name="count"/> of them.</summary>
    /// <returns>How many went; an error speaks of entry <paramref name="first"/> alone.</returns>
    public SysResult Send(int fd, int first, int count)
    {
        while (true)
        {
            var result = SysResult.From(sendmmsg(fd, _messages + first, (uint)count, SocketOption.MsgDontwait));
            if (!result.IsError || result.Errno != LinuxError.EINTR)
                return result;
        }
    }

    /// <summary>Waits until the socket takes more.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="timeoutMs">Milliseconds at most.</param>
    public static bool WaitWritable(int fd, int timeoutMs)
    {
        var interest = new PollFd { Fd = fd, Events = PollFd.Out };
        var ready = SysResult.From(poll(&interest, 1, timeoutMs));
        // POLLERR alone, for a message in the error queue, is no room.
        return !ready.IsError && (interest.Returned & PollFd.Out) != 0;
    }

    /// <summary>Frees all slots.</summary>
    public void Clear() => Count = SlotsTaken = 0;

    public void Dispose()
    {
        NativeMemory.AlignedFree(_slots);
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_names);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sendmmsg(int fd, MultiMessage* messages, uint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollFd* interests, nuint count, int timeoutMs);
}

/// <summary><c>struct pollfd</c> (poll.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollFd
{
    public const short Out = 4; // POLLOUT

    public int Fd;
    public short Events;
    public short Returned;
}
