using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Uplink;

/// <summary>Where an outer packet leaves: an interface that is Ethernet to us, and the neighbour behind it. Never changes once it is made.</summary>
internal sealed class NextHop
{
    /// <summary>Bytes of the Ethernet header: destination, source, EtherType.</summary>
    public const int EthernetHeaderLength = 14;

    private const int HardwareAddressBits = 48;
    private const int SourceTailOffset = 8;
    private const int EtherTypeOffset = 12;

    private readonly ulong _destinationAndSourceHead;
    private readonly uint _sourceTail;

    /// <param name="interfaceIndex">The kernel's interface index.</param>
    /// <param name="mtu">Bytes of the largest IPv4 packet: the interface's, or the route's if that is less.</param>
    /// <param name="source">The interface's hardware address: six bytes in wire order, from the lowest of the number up.</param>
    /// <param name="destination">The neighbour's, alike.</param>
    /// <param name="superPackets">What becomes of a super-packet that the interface has no room for.</param>
    public NextHop(int interfaceIndex, int mtu, ulong source, ulong destination, SuperPacketFate superPackets)
    {
        InterfaceIndex = interfaceIndex;
        SuperPackets = superPackets;
        Mtu = mtu;
        DestinationHardwareAddress = destination;
        _destinationAndSourceHead = destination | source << HardwareAddressBits;
        _sourceTail = (uint)(source >> 16);
    }

    public int InterfaceIndex { get; }

    /// <summary>Bytes of the largest IPv4 packet, without the Ethernet header.</summary>
    public int Mtu { get; }

    /// <summary>Six bytes in wire order, from the lowest of the number up.</summary>
    public ulong DestinationHardwareAddress { get; }

    /// <summary>What becomes of a super-packet that the interface has no room for.</summary>
    public SuperPacketFate SuperPackets { get; }

    /// <summary>Whether several packets may leave there in one frame.</summary>
    public bool TakesSuperPackets => SuperPackets != SuperPacketFate.TakenApart;

    /// <summary>Writes the <see cref="EthernetHeaderLength"/> bytes that go in front of an IPv4 packet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void WriteEthernetHeader(byte* frame)
    {
        Unsafe.WriteUnaligned(frame, _destinationAndSourceHead);
        Unsafe.WriteUnaligned(frame + SourceTailOffset, _sourceTail);
        Unsafe.WriteUnaligned(frame + EtherTypeOffset, BinaryPrimitives.ReverseEndianness(EtherType.Ipv4));
    }
}
