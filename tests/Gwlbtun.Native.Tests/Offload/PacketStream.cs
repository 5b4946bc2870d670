using System.Buffers.Binary;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Tests.Offload;

/// <summary>One packet of a generated stream, in few words.</summary>
/// <param name="Flow">Which flow, 0 to 3.</param>
/// <param name="Size">Payload bytes.</param>
/// <param name="Quirk">What is unusual about it; most are not.</param>
internal sealed record Step(int Flow, int Size, int Quirk);

/// <summary>Makes real packets of steps, each flow with its own sequence numbers and identifications.</summary>
internal sealed class PacketStream(bool ipv6, bool tcp, bool atomic)
{
    private readonly Dictionary<int, (uint Sequence, ushort Id)> _flows = [];
    private int _made;

    public byte[] Make(Step step)
    {
        var (sequence, id) = _flows.TryGetValue(step.Flow, out var known) ? known : ((uint)(0xFFFF_F000 + step.Flow), atomic ? (ushort)0 : (ushort)(65_500 + step.Flow));
        // Lost, or twice.
        if (step.Quirk == 1)
            sequence += 100;
        if (step.Quirk == 2)
            sequence -= (uint)step.Size;
        byte[] payload = new byte[step.Size];
        for (int i = 0; i < payload.Length; i++)
            payload[i] = (byte)(i + _made);
        _made++;
        byte[] transport = tcp ? Tcp(step, sequence, payload) : IpBytes.Udp((ushort)(1000 + step.Flow), 2000, payload);
        byte protocol = tcp ? IpProtocol.Tcp : IpProtocol.Udp;
        byte[] packet = ipv6 ? IpBytes.Ipv6(protocol, transport) : IpBytes.Ipv4(protocol, transport, id: step.Quirk == 3 ? (ushort)(id + 5) : id, fragment: (ushort)(atomic ? 0x4000 : 0));
        if (step.Quirk == 4)
            packet[ipv6 ? 7 : 8] = 33;
        if (step.Quirk == 5)
            packet[1] |= 0x10;
        if (step.Quirk == 6 && !ipv6)
            packet = IpBytes.Ipv4(protocol, transport.AsSpan(0, Math.Min(transport.Length, 16)), id: id, fragment: 0x2000);
        if (step.Quirk == 7 && !ipv6)
            packet = IpBytes.Ipv4(protocol, transport, id: id, fragment: 0x0010);
        Finish(packet, step);
        _flows[step.Flow] = (sequence + (uint)step.Size, atomic ? (ushort)0 : (ushort)(id + 1));
        return packet;
    }

    private static void Finish(byte[] packet, Step step)
    {
        _ = InnerPacket.TryParse(packet, out var inner);
        if (inner.Version == 4)
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), InternetChecksum.Compute(packet.AsSpan(0, 20)));
        if (!inner.IsFragment)
        {
            int at = inner.TransportOffset + (inner.Protocol == IpProtocol.Tcp ? 16 : 6);
            ushort checksum = InternetChecksum.Transport(packet, inner);
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(at), checksum == 0 && inner.Protocol == IpProtocol.Udp ? (ushort)0xFFFF : checksum);
            if (step.Quirk == 8)
                packet[at] ^= 0x40;
            if (step.Quirk == 9 && inner.Protocol == IpProtocol.Udp)
                packet[at] = packet[at + 1] = 0;
        }

        if (step.Quirk == 10)
            packet[^1] ^= 1;
        if (step.Quirk == 11 && inner.Version == 4)
            packet[11] ^= 1;
    }

    private static byte[] Tcp(Step step, uint sequence, byte[] payload)
    {
        byte[] options = step.Quirk switch
        {
            12 => [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
            13 => [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2],
            _ => [],
        };
        byte[] segment = new byte[20 + options.Length + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(segment, (ushort)(1000 + step.Flow));
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), 443);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), sequence);
        segment[12] = (byte)((20 + options.Length) / 4 << 4);
        segment[13] = step.Quirk switch
        {
            14 => 0x18,
            15 => 0x11,
            16 => 0x90,
            17 => 0x50,
            18 => 0x02,
            19 => 0x14,
            _ => 0x10,
        };
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), (ushort)(step.Quirk == 20 ? 99 : 500));
        options.CopyTo(segment, 20);
        payload.CopyTo(segment, 20 + options.Length);
        return segment;
    }
}
