using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Comparison.Load;

/// <summary>Receives on the Geneve port, many datagrams a call, and merged ones whole (UDP_GRO, udp(7)). One thread uses it.</summary>
internal sealed unsafe partial class LoadReceiver : IDisposable
{
    private const int Capacity = 64;
    private const int SlotBytes = 65_536;
    private const int ControlBytes = 64;
    private const int BufferBytes = 64 << 20;
    private const int SolUdp = 17;
    private const int UdpGro = 104;

    private readonly Socket _socket;
    private readonly int _handle;
    private readonly byte* _slots, _control;
    private readonly MultiMessage* _messages;
    private readonly IoVector* _vectors;
    private readonly InternetAddress* _names;

    public LoadReceiver(IPEndPoint local)
    {
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        _handle = (int)_socket.Handle;
        SocketOption.Set(_handle, SocketOption.SolSocket, SocketOption.SoRcvbufforce, BufferBytes).OrThrow("enlarge a receive buffer", "CAP_NET_ADMIN is needed.");
        SocketOption.Set(_handle, SolUdp, UdpGro, 1).OrThrow("receive merged datagrams (UDP_GRO)");
        _socket.Bind(local);
        _slots = (byte*)NativeMemory.AlignedAlloc(Capacity * SlotBytes, 4096);
        _control = (byte*)NativeMemory.AllocZeroed(Capacity, ControlBytes);
        _messages = (MultiMessage*)NativeMemory.AllocZeroed(Capacity, (nuint)sizeof(MultiMessage));
        _vectors = (IoVector*)NativeMemory.AllocZeroed(Capacity, (nuint)sizeof(IoVector));
        _names = (InternetAddress*)NativeMemory.AllocZeroed(Capacity, (nuint)sizeof(InternetAddress));
        for (int i = 0; i < Capacity; i++)
        {
            _vectors[i] = new IoVector { Base = _slots + i * SlotBytes, Length = SlotBytes };
            _messages[i].Header = new MessageHeader { Name = &_names[i], Vectors = &_vectors[i], VectorCount = 1, Control = _control + i * ControlBytes };
        }
    }

    /// <summary>What becomes readable when something arrives.</summary>
    public int Handle => _handle;

    /// <summary>Takes what has arrived, without waiting.</summary>
    /// <returns>How many messages, each of one or more datagrams.</returns>
    public int Receive()
    {
        for (int i = 0; i < Capacity; i++)
        {
            ref MessageHeader header = ref _messages[i].Header;
            header.NameLength = (uint)sizeof(InternetAddress);
            header.ControlLength = ControlBytes;
        }

        SysResult received = SysResult.From(recvmmsg(_handle, _messages, Capacity, SocketOption.MsgDontwait, null));
        return received.IsError ? 0 : received.Value;
    }

    /// <summary>A message of the last <see cref="Receive"/>.</summary>
    /// <param name="index">Which.</param>
    /// <param name="sourcePort">The outer source port of all its datagrams.</param>
    /// <param name="segmentLength">The length of each datagram in it; the last may be shorter.</param>
    public ReadOnlySpan<byte> Message(int index, out ushort sourcePort, out int segmentLength)
    {
        ref MultiMessage message = ref _messages[index];
        sourcePort = _names[index].Port;
        segmentLength = (int)message.Length;
        ControlHeader* control = (ControlHeader*)message.Header.Control;
        if (message.Header.ControlLength >= ControlHeader.Size && control->Level == SolUdp && control->Type == UdpGro)
            segmentLength = *(int*)((byte*)control + ControlHeader.Size);
        return new ReadOnlySpan<byte>(_vectors[index].Base, (int)message.Length);
    }

    public void Dispose()
    {
        _socket.Dispose();
        NativeMemory.AlignedFree(_slots);
        NativeMemory.Free(_control);
        NativeMemory.Free(_messages);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_names);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int recvmmsg(int fd, MultiMessage* messages, uint count, int flags, void* timeout);
}
