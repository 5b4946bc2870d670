using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>One received datagram: where its bytes lie, and what the kernel said of it. Addresses in network byte order.</summary>
internal unsafe ref struct ReceivedDatagram
{
    public byte* Payload;
    public int Length;
    public uint SourceAddress;
    public ushort SourcePort;
    public uint DestinationAddress;

    /// <summary>Bytes of each of the datagrams that the kernel has put one behind the other (UDP_GRO), but the last; 0: it is one datagram.</summary>
    public int SegmentSize;

    /// <summary>The outer packet came in fragments.</summary>
    public bool WasFragmented;

    /// <summary>It did not fit its slot.</summary>
    public bool WasTruncated;
}

/// <summary>
/// Receives up to <see cref="Capacity"/> datagrams in one <c>recvmmsg(2)</c> into a native slab. One thread uses it.
/// </summary>
internal sealed unsafe partial class ReceiveBatch : IDisposable
{
    /// <summary>The largest UDP payload, and room to spare.</summary>
    public const int SlotBytes = 65_536;

    // Slots a power of two apart would share the same few cache sets: a page and a line more spreads them.
    private const int SlotStride = SlotBytes + 4096 + 64;
    private const int ControlBytes = 128;

    // Half of a core's cache or less: what is received is to be there still when it is written, read and sent again.
    private const int BytesAtOnce = 512 << 10;

    private readonly byte* _slots;
    private readonly byte* _control;
    private readonly MultiMessage* _messages;
    private readonly IoVector* _vectors;
    private readonly InternetAddress* _names;

    // Messages that the kernel has written to since they were made ready for it.
    private int _used;

    // Datagrams that make up about the bytes, if they are as large as the last ones. It grows twofold at the most: a small one may come before large ones.
    private int _limit;

    public ReceiveBatch(int capacity = 64)
    {
        Capacity = capacity;
        _slots = (byte*)NativeMemory.AlignedAlloc((nuint)capacity * SlotStride, 4096);
        _control = (byte*)NativeMemory.AllocZeroed((nuint)capacity, ControlBytes);
        _messages = (MultiMessage*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(MultiMessage));
        _vectors = (IoVector*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(IoVector));
        _names = (InternetAddress*)NativeMemory.AllocZeroed((nuint)capacity, (nuint)sizeof(InternetAddress));
        for (var i = 0; i < capacity; i++)
        {
            _vectors[i] = new() { Base = _slots + ((nint)i * SlotStride), Length = SlotBytes };
            _messages[i].Header = new() { Name = &_names[i], Vectors = &_vectors[i], VectorCount = 1, Control = _control + (i * ControlBytes) };
        }

        _used = capacity;
        _limit = capacity;
    }

    public int Capacity { get; }

    /// <summary>Whether the last <see cref="Receive"/> took as many as it would: there may be more.</summary>
    public bool MayHaveLeftSome { get; private set; }

    /// <summary>The socket's own drop counter as last heard (SO_RXQ_OVFL; 32 bits, wraps).</summary>
    public uint SocketDrops { get; private set; }

    /// <summary>Takes what has arrived, without waiting: fewer than <see cref="Capacity"/> when datagrams are large.</summary>
    /// <returns>How many datagrams; EAGAIN when none.</returns>
    public SysResult Receive(UdpSocket socket)
    {
        for (var i = 0; i < _used; i++)
        {
            ref var header = ref _messages[i].Header;
            header.NameLength = (uint)sizeof(InternetAddress);
            header.ControlLength = ControlBytes;
        }

        while (true)
        {
            var result = SysResult.From(recvmmsg(socket.Handle, _messages, (uint)_limit, SocketOption.MsgDontwait, null));
            // A call that fails may have written to the first.
            _used = result.IsError ? 1 : result.Value;
            if (result.IsError && result.Errno == LinuxError.EINTR)
                continue;
            MayHaveLeftSome = !result.IsError && result.Value == _limit;
            if (!result.IsError)
                Limit(result.Value);
            return result;
        }
    }

    private void Limit(int received)
    {
        var bytes = 1L;
        for (var i = 0; i < received; i++)
            bytes += _messages[i].Length;
        _limit = (int)Math.Clamp(BytesAtOnce * (long)received / bytes, 1, Math.Min(2 * _limit, Capacity));
    }

    /// <summary>Datagram <paramref name="index"/> of the last <see cref="Receive"/>.</summary>
    public void Get(int index, out ReceivedDatagram datagram)
    {
        ref var message = ref _messages[index];
        ref var name = ref _names[index];
        datagram = new()
        {
            Payload = _vectors[index].Base,
            Length = (int)message.Length,
            SourceAddress = name.Address,
            SourcePort = name.Port,
            WasTruncated = (message.Header.Flags & SocketOption.MsgTrunc) != 0,
        };
        ReadControl(ref message.Header, ref datagram);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void ReadControl(ref MessageHeader header, ref ReceivedDatagram datagram)
    {
        var position = header.Control;
        var end = position + header.ControlLength;
        while (position + ControlHeader.Size <= end)
        {
            var control = (ControlHeader*)position;
            var data = position + ControlHeader.Size;
            if (control->Length < ControlHeader.Size)
                return;
            if (control->Level == SocketOption.IpprotoIp && control->Type == SocketOption.IpPktinfo)
                datagram.DestinationAddress = ((PacketInfo*)data)->Address;
            else if (control->Level == SocketOption.SolSocket && control->Type == SocketOption.SoRxqOvfl)
                SocketDrops = *(uint*)data;
            else if (control->Level == SocketOption.IpprotoIp && control->Type == SocketOption.IpRecvfragsize)
                datagram.WasFragmented = true;
            else if (control->Level == SocketOption.IpprotoUdp && control->Type == SocketOption.UdpGro)
                datagram.SegmentSize = *(int*)data;
            position += ControlHeader.Align((int)control->Length);
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_slots);
        NativeMemory.Free(_control);
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_names);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int recvmmsg(int fd, MultiMessage* messages, uint count, int flags, void* timeout);
}
