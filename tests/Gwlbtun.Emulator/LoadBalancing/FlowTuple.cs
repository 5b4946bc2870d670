using System.Buffers.Binary;
using Gwlbtun.Emulator.Judging;

namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>
/// What a flow is known by: endpoint, protocol, and both ends in an order that does not depend on the direction. Ports count for TCP and
/// UDP; everything else, and fragments without ports, is known by addresses and protocol (AWS, "flow stickiness": 3-tuple).
/// </summary>
internal readonly record struct FlowTuple(FlowEnd Low, FlowEnd High, ushort Endpoint, byte Version, byte Protocol)
{
    /// <summary>The tuple of a packet, and whether the packet goes from the high end to the low one.</summary>
    public static FlowTuple From(ReadOnlySpan<byte> packet, in InnerView inner, ushort endpoint, out bool isReversed)
    {
        ReadOnlySpan<byte> addresses = inner.Addresses(packet);
        int half = addresses.Length / 2;
        ReadOnlySpan<byte> ports = inner.HasPorts ? packet.Slice(inner.UpperOffset, 4) : [0, 0, 0, 0];
        FlowEnd source = FlowEnd.From(addresses[..half], ports[..2]);
        FlowEnd destination = FlowEnd.From(addresses[half..], ports[2..]);
        isReversed = source.CompareTo(destination) > 0;
        return isReversed
            ? new FlowTuple(destination, source, endpoint, inner.Version, inner.Protocol)
            : new FlowTuple(source, destination, endpoint, inner.Version, inner.Protocol);
    }
}

/// <summary>Address and port of one end.</summary>
internal readonly record struct FlowEnd(ulong Upper, ulong Lower, ushort Port) : IComparable<FlowEnd>
{
    public static FlowEnd From(ReadOnlySpan<byte> address, ReadOnlySpan<byte> port) => new(
        address.Length == 16 ? BinaryPrimitives.ReadUInt64BigEndian(address) : 0,
        address.Length == 16 ? BinaryPrimitives.ReadUInt64BigEndian(address[8..]) : BinaryPrimitives.ReadUInt32BigEndian(address),
        BinaryPrimitives.ReadUInt16BigEndian(port));

    public int CompareTo(FlowEnd other)
    {
        int upper = Upper.CompareTo(other.Upper);
        int lower = upper != 0 ? upper : Lower.CompareTo(other.Lower);
        return lower != 0 ? lower : Port.CompareTo(other.Port);
    }
}
