using System.Runtime.InteropServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// The 5-tuple of an inner packet (3-tuple with ports 0 for protocols other than TCP and UDP) in canonical form: its
/// two endpoints sorted, and a bit for the direction. Both directions of a flow share one key and differ in the bit
/// alone; when both endpoints are equal there is only direction 0.
/// </summary>
/// <remarks>
/// The order of endpoints is that of the raw words as they stand in memory: any total order does, as long as both
/// directions agree on it.
/// </remarks>
public readonly record struct FlowKey
{
    private const int SourceOffset4 = 12;
    private const int DestinationOffset4 = 16;
    private const int SourceOffset6 = 8;
    private const int DestinationOffset6 = 24;

    // IPv4: both addresses in the first word. IPv6: the lower endpoint's address in the first two, the higher's after.
    internal readonly ulong Address0;
    internal readonly ulong Address1;
    internal readonly ulong Address2;
    internal readonly ulong Address3;

    // The lower endpoint's port in the low half, the higher's in the high half.
    internal readonly uint Ports;

    private FlowKey(uint source, uint destination, byte protocol, ushort sourcePort, ushort destinationPort)
    {
        ulong from = ((ulong)source << 16) | sourcePort;
        ulong to = ((ulong)destination << 16) | destinationPort;
        bool reversed = from > to;
        Address0 = reversed ? destination | ((ulong)source << 32) : source | ((ulong)destination << 32);
        Ports = SortedPorts(sourcePort, destinationPort, reversed);
        Protocol = protocol;
        Family = FlowFamily.V4;
        Direction = reversed ? 1 : 0;
    }

    private FlowKey(ulong source0, ulong source1, ulong destination0, ulong destination1, byte protocol, ushort sourcePort, ushort destinationPort)
    {
        bool reversed = source0 != destination0 ? source0 > destination0
            : source1 != destination1 ? source1 > destination1
            : sourcePort > destinationPort;
        (Address0, Address1, Address2, Address3) = reversed
            ? (destination0, destination1, source0, source1)
            : (source0, source1, destination0, destination1);
        Ports = SortedPorts(sourcePort, destinationPort, reversed);
        Protocol = protocol;
        Family = FlowFamily.V6;
        Direction = reversed ? 1 : 0;
    }

    private FlowKey(uint source, uint destination, in InnerPacket fragment, FragmentTeacher teacher)
    {
        Address0 = source | ((ulong)destination << 32);
        Ports = fragment.FragmentId;
        Protocol = fragment.Protocol;
        Family = FlowFamily.V4;
        Direction = (int)teacher;
    }

    private FlowKey(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, in InnerPacket fragment, FragmentTeacher teacher)
    {
        Address0 = MemoryMarshal.Read<ulong>(source);
        Address1 = MemoryMarshal.Read<ulong>(source[8..]);
        Address2 = MemoryMarshal.Read<ulong>(destination);
        Address3 = MemoryMarshal.Read<ulong>(destination[8..]);
        Ports = fragment.FragmentId;
        Protocol = IpProtocol.Fragment;
        Family = FlowFamily.V6;
        Direction = (int)teacher;
    }

    private FlowKey(in FlowKey key, int direction)
    {
        this = key;
        Direction = direction;
    }

    /// <summary>The IP version of the packet that the key is of.</summary>
    public FlowFamily Family { get; }

    /// <summary>The upper-layer protocol number.</summary>
    public byte Protocol { get; }

    /// <summary>Which time-out and which counter the flow belongs to.</summary>
    public FlowProtocol Kind => KindOf(Protocol);

    /// <summary>0 when the packet goes from the lower to the higher endpoint, 1 when the other way.</summary>
    internal int Direction { get; }

    /// <summary>
    /// The key of an inner packet that was parsed. Where TCP or UDP lacks its ports
    /// (<see cref="InnerPacket.HasPorts"/>), it is the 3-tuple, and for the caller to decide whether to use it.
    /// </summary>
    /// <param name="packet">The inner IP packet, at least its IP header.</param>
    /// <param name="inner">What parsing it found.</param>
    public static FlowKey From(ReadOnlySpan<byte> packet, in InnerPacket inner)
    {
        return inner.Version == 4
            ? new FlowKey(
                MemoryMarshal.Read<uint>(packet[SourceOffset4..]),
                MemoryMarshal.Read<uint>(packet[DestinationOffset4..]),
                inner.Protocol, inner.SourcePort, inner.DestinationPort)
            : V6(packet[SourceOffset6..], packet[DestinationOffset6..], inner.Protocol, inner.SourcePort, inner.DestinationPort);
    }

    /// <summary>
    /// The key of the packet that a fragment belongs to: addresses, identification and, in IPv4, protocol (RFC 791 section 3.2,
    /// RFC 8200 section 4.5). Never that of a packet the other way, which counts its identifications by itself.
    /// </summary>
    /// <param name="packet">The fragment, at least its IP header.</param>
    /// <param name="inner">What parsing it found.</param>
    /// <param name="teacher">Whose header it is, or is wanted first.</param>
    public static FlowKey OfFragment(ReadOnlySpan<byte> packet, in InnerPacket inner, FragmentTeacher teacher) => inner.Version == 4
        ? new FlowKey(
            MemoryMarshal.Read<uint>(packet[SourceOffset4..]),
            MemoryMarshal.Read<uint>(packet[DestinationOffset4..]),
            inner, teacher)
        : new FlowKey(packet[SourceOffset6..], packet[DestinationOffset6..], inner, teacher);

    /// <summary>The same flow's key in the other direction.</summary>
    public FlowKey Reversed() => new(this, 1 - Direction);

    /// <summary>A key from its parts; addresses in network byte order as they stand in memory, ports in host order.</summary>
    internal static FlowKey V4(uint source, uint destination, byte protocol, ushort sourcePort, ushort destinationPort) =>
        new(source, destination, protocol, sourcePort, destinationPort);

    /// <summary>A key from its parts; addresses of 16 bytes each, ports in host order.</summary>
    internal static FlowKey V6(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, byte protocol, ushort sourcePort, ushort destinationPort) =>
        new(MemoryMarshal.Read<ulong>(source), MemoryMarshal.Read<ulong>(source[8..]),
            MemoryMarshal.Read<ulong>(destination), MemoryMarshal.Read<ulong>(destination[8..]),
            protocol, sourcePort, destinationPort);

    internal static FlowProtocol KindOf(byte protocol) => protocol switch
    {
        IpProtocol.Tcp => FlowProtocol.Tcp,
        IpProtocol.Udp => FlowProtocol.Udp,
        _ => FlowProtocol.Other,
    };

    private static uint SortedPorts(ushort source, ushort destination, bool reversed) =>
        reversed ? destination | ((uint)source << 16) : source | ((uint)destination << 16);
}
