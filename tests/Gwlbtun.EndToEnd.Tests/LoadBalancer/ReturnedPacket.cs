using System.Buffers.Binary;
using System.Net;

namespace Gwlbtun.EndToEnd.Tests.LoadBalancer;

/// <summary>A datagram that the appliance sent to one of the load balancer's nodes.</summary>
internal sealed record ReturnedPacket(IPEndPoint From, IPAddress Node, byte[] Datagram, long Timestamp)
{
    /// <summary>What stands after the Geneve header.</summary>
    public ReadOnlySpan<byte> Inner => Datagram.AsSpan(8 + (Datagram[0] & 0x3F) * 4);

    public uint Sequence => InnerPackets.Sequence(Inner);

    /// <summary>The flow cookie, where this load balancer puts it.</summary>
    public uint Cookie => BinaryPrimitives.ReadUInt32BigEndian(Datagram.AsSpan(36));

    /// <summary>Says what is wrong with it as an answer to this flow's packet, or null: header, addresses, port and every inner byte count.</summary>
    public string? FaultAs(GwlbFlow flow, ReadOnlySpan<byte> inner)
    {
        if (!From.Address.Equals(Lab.ApplianceLab.ApplianceAddress))
            return $"came from {From.Address}";
        if (From.Port != flow.OuterSourcePort)
            return $"source port {From.Port}, not {flow.OuterSourcePort}";
        if (!Node.Equals(flow.Node))
            return $"went to {Node}, not {flow.Node}";
        var header = flow.GeneveHeader();
        if (!Datagram.AsSpan().StartsWith(header))
            return $"Geneve header {Convert.ToHexString(Datagram.AsSpan(0, Math.Min(Datagram.Length, header.Length)))}, not {Convert.ToHexString(header)}";
        return Inner.SequenceEqual(inner) ? null : $"inner packet {Convert.ToHexString(Inner)}, not {Convert.ToHexString(inner)}";
    }
}
