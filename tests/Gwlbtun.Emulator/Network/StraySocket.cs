using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Network;

/// <summary>
/// Hears UDP datagrams that arrive at another port than the Geneve one, as when a handler swaps the ports: no socket would get them, and
/// the packet would merely seem lost.
/// </summary>
internal sealed unsafe class StraySocket : IDisposable
{
    // struct sock_filter (linux/filter.h): what a raw socket sees begins with the IPv4 header.
    private const ushort LoadHeaderLength = 0xb1; // BPF_LDX | BPF_B | BPF_MSH
    private const ushort LoadHalfIndexed = 0x48; // BPF_LD | BPF_H | BPF_IND
    private const ushort JumpIfEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    private const int UdpDestinationPortOffset = 2;
    private const int Ipv4SourceOffset = 12;
    private const int BufferBytes = 65_536;

    private readonly byte* _buffer;

    public StraySocket(uint localAddress, int port)
    {
        Handle = SocketOption.Open(SocketOption.AfInet, SocketOption.SockRaw, SocketOption.IpprotoUdp, "a raw UDP socket", "CAP_NET_RAW is needed.");
        _buffer = (byte*)NativeMemory.Alloc(BufferBytes);
        FilterInstruction* filter = stackalloc FilterInstruction[]
        {
            new() { Code = LoadHeaderLength },
            new() { Code = LoadHalfIndexed, Constant = UdpDestinationPortOffset },
            new() { Code = JumpIfEqual, Constant = (uint)port, JumpFalse = 1 },
            new() { Code = FilterInstruction.ReturnConstant, Constant = 0 },
            new() { Code = FilterInstruction.ReturnConstant, Constant = uint.MaxValue },
        };
        FilterProgram program = new() { Length = 5, Instructions = filter };
        SocketOption.Set(Handle, SocketOption.SolSocket, SocketOption.SoAttachFilter, &program, sizeof(FilterProgram)).OrThrow("filter stray datagrams");
        InternetAddress address = new(localAddress, 0);
        SocketOption.Bind(Handle, &address, sizeof(InternetAddress)).OrThrow("listen for stray datagrams");
    }

    public int Handle { get; }

    /// <summary>Takes one stray datagram.</summary>
    /// <param name="source">Its source address as it stands in memory.</param>
    /// <param name="looksLikeGeneve">Whether its payload begins as Geneve with an IP packet does.</param>
    /// <returns>False when there is none.</returns>
    public bool TryTake(out uint source, out bool looksLikeGeneve)
    {
        source = 0;
        looksLikeGeneve = false;
        SysResult received = SocketOption.Receive(Handle, _buffer, BufferBytes, SocketOption.MsgDontwait);
        if (received.IsError)
            return false;
        ReadOnlySpan<byte> packet = new(_buffer, received.Value);
        source = MemoryMarshal.Read<uint>(packet[Ipv4SourceOffset..]);
        ReadOnlySpan<byte> payload = packet[Math.Min(packet.Length, 4 * (packet[0] & 15) + 8)..];
        looksLikeGeneve = payload.Length >= 8 && payload[0] < 64 && BinaryPrimitives.ReadUInt16BigEndian(payload[2..]) is 0x0800 or 0x86DD;
        return true;
    }

    public void Dispose()
    {
        FileDescriptor.Close(Handle);
        NativeMemory.Free(_buffer);
    }
}
