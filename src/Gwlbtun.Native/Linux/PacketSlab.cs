using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Native memory for the packets of a batch, one behind the other as long as each of them is: small ones then lie close together, and few large ones take no more than
/// a core's cache. In front of each there are <see cref="Headroom"/> bytes, for the headers that encapsulate it. One thread uses it.
/// </summary>
internal sealed unsafe class PacketSlab : IDisposable
{
    /// <summary>Room in front of a packet: a virtio header (10), Ethernet (14), outer IPv4 and UDP (28), and the largest Geneve header (260).</summary>
    public const int Headroom = 320;

    /// <summary>The largest IP packet, in bytes.</summary>
    public const int PacketBytes = 65_535;

    /// <summary>Room that a device needs to read such a packet into, its virtio header included.</summary>
    public const int ReadBytes = PacketBytes + VirtioNetHeader.Length;

    private const int Alignment = 64;

    // What the largest packet takes.
    private const int Stride = (Headroom + PacketBytes + Alignment - 1) & -Alignment;

    private readonly byte* _memory;
    private readonly int _lastStart;
    private int _taken;

    /// <param name="capacity">Packets at most.</param>
    /// <param name="bytes">Bytes of all, with what is in front of them: it is full once the largest packet might not fit. 0: as many as so many of the largest take.</param>
    public PacketSlab(int capacity, int bytes = 0)
    {
        Capacity = capacity;
        bytes = bytes == 0 ? capacity * Stride : bytes;
        _lastStart = bytes - Stride;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
    }

    /// <summary>Packets at most.</summary>
    public int Capacity { get; }

    /// <summary>Packets that are kept.</summary>
    public int Count { get; private set; }

    /// <summary>Whether there is no room for another.</summary>
    public bool IsFull => Count == Capacity || _taken > _lastStart;

    /// <summary>Where the next packet is to be written: <see cref="PacketBytes"/> bytes, and <see cref="Headroom"/> in front.</summary>
    public byte* Next => _memory + _taken + Headroom;

    /// <summary>Keeps the packet that was written to <see cref="Next"/>, until <see cref="Clear"/>.</summary>
    /// <param name="length">Its bytes.</param>
    public void Take(int length)
    {
        _taken = (_taken + Headroom + length + Alignment - 1) & -Alignment;
        Count++;
    }

    /// <summary>Forgets all.</summary>
    public void Clear() => _taken = Count = 0;

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
