using System.Buffers.Binary;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>
/// Says for every packet number what the packet is, byte by byte. Nothing is stored: what comes back is compared with the same packet
/// made again.
/// </summary>
/// <remarks>Each payload is its packet's number in 8 bytes, then noise that depends on it.</remarks>
internal sealed class TrafficPlan
{
    private const int Ipv4Length = 20;
    private const int Ipv6Length = 40;
    private const int TcpLength = 20;
    private const int UdpLength = 8;
    private const int IcmpLength = 8;
    private const int NumberLength = 8;
    private const byte HopLimit = 64;
    private const int NoisePeriod = 4096;

    // Flags of TCP.
    private const int Fin = 1;
    private const int Syn = 2;
    private const int Ack = 0x10;

    private readonly BlastOptions _options;
    private readonly FlowSchedule _schedule;
    private readonly ushort _endpoints;
    private readonly byte[] _noise = new byte[NoisePeriod + 65_536];
    // By header length: payload bytes of the sizes before each one of the mix, for TCP's sequence numbers.
    private readonly Dictionary<int, ulong[]> _payloadBefore = [];

    public TrafficPlan(BlastOptions options, int endpoints)
    {
        _options = options;
        _schedule = new FlowSchedule(options.Flows, options.Burst, options.Lifetime);
        _endpoints = (ushort)endpoints;
        new Random(1).NextBytes(_noise);
        foreach (int headers in (int[])[Ipv4Length + TcpLength, Ipv6Length + TcpLength])
        {
            ulong[] before = new ulong[options.Sizes.Period + 1];
            for (int i = 0; i < options.Sizes.Period; i++)
                before[i + 1] = before[i] + (ulong)(SizeOf((ulong)i, headers) - headers);
            _payloadBefore[headers] = before;
        }
    }

    public int FlowOf(long number) => _schedule.FlowOf(number);

    /// <summary>The packet's place within its flow, from 0 on.</summary>
    public uint SequenceOf(long number) => _schedule.SequenceOf(number);

    /// <summary>Whether no packet of its flow comes after it.</summary>
    public bool IsLast(long number) => _schedule.IsLast(number);

    /// <summary>What the load balancer has to know of a flow before its first packet.</summary>
    public Flow NewFlow(int flow) => new()
    {
        Endpoint = (ushort)(flow % _endpoints),
        ProtocolType = IsIpv6(flow) ? EtherType.Ipv6 : EtherType.Ipv4,
        Kind = ProtocolOf(flow) switch { BlastProtocol.Tcp => FlowKind.Tcp, BlastProtocol.Udp => FlowKind.Udp, _ => FlowKind.Other },
    };

    /// <summary>Spreads flows over source ports and targets.</summary>
    public static uint HashOf(int flow) => (uint)flow * 2_654_435_761u;

    /// <summary>Writes the inner packet with this number.</summary>
    /// <returns>Its length.</returns>
    public int Write(Span<byte> destination, long number)
    {
        int flow = FlowOf(number);
        uint sequence = SequenceOf(number);
        bool isIpv6 = IsIpv6(flow);
        BlastProtocol protocol = ProtocolOf(flow);
        int ipLength = isIpv6 ? Ipv6Length : Ipv4Length;
        int headers = ipLength + protocol switch { BlastProtocol.Tcp => TcpLength, BlastProtocol.Udp => UdpLength, _ => IcmpLength };
        int length = SizeOf((ulong)flow + sequence, headers);
        Span<byte> packet = destination[..length];
        byte ipProtocol = protocol switch
        {
            BlastProtocol.Tcp => IpProtocol.Tcp,
            BlastProtocol.Udp => IpProtocol.Udp,
            _ => isIpv6 ? IpProtocol.IcmpV6 : IpProtocol.Icmp,
        };

        uint pseudo = isIpv6 ? WriteIpv6(packet, flow, ipProtocol) : WriteIpv4(packet, flow, ipProtocol, sequence);
        Span<byte> upper = packet[ipLength..];
        Span<byte> payload = packet[headers..];
        BinaryPrimitives.WriteInt64BigEndian(payload, number);
        payload = payload[NumberLength..];
        _noise.AsSpan((int)((ulong)number * 7 % NoisePeriod), payload.Length).CopyTo(payload);

        switch (protocol)
        {
            case BlastProtocol.Tcp:
                WriteTcp(upper, flow, number, headers, pseudo);
                break;
            case BlastProtocol.Udp:
                WriteUdp(upper, flow, pseudo);
                break;
            default:
                WriteEcho(upper, flow, sequence, isIpv6, pseudo);
                break;
        }

        return length;
    }

    /// <summary>Finds the flow that a returned packet belongs to, by its addresses and protocol.</summary>
    public bool TryFindFlow(ReadOnlySpan<byte> packet, in InnerView inner, out int flow)
    {
        ReadOnlySpan<byte> addresses = inner.Addresses(packet);
        if (!InnerAddresses.TryRead(addresses[..(addresses.Length / 2)], FlowRole.Source, out flow))
            return false;
        return (uint)flow < (uint)_schedule.Flows && IsIpv6(flow) == (inner.Version == 6);
    }

    /// <summary>The number that a returned packet carries.</summary>
    /// <returns>False when it is too short, or carries the number of another flow's packet.</returns>
    public bool TryReadNumber(ReadOnlySpan<byte> packet, in InnerView inner, int flow, out long number)
    {
        number = 0;
        int at = inner.UpperOffset + (inner.Protocol == IpProtocol.Tcp ? TcpLength : UdpLength);
        if (inner.Length - at < NumberLength)
            return false;
        number = BinaryPrimitives.ReadInt64BigEndian(packet[at..]);
        return number >= 0 && FlowOf(number) == flow;
    }

    private bool IsIpv6(int flow) => _options.Ip switch { BlastIp.V4 => false, BlastIp.V6 => true, _ => (flow / 3 & 1) != 0 };

    private BlastProtocol ProtocolOf(int flow) => _options.Protocol == BlastProtocol.Mix ? (BlastProtocol)(flow % 3) : _options.Protocol;

    private int SizeOf(ulong index, int headers) => Math.Max(_options.Sizes[index], headers + NumberLength);

    private static uint WriteIpv4(Span<byte> packet, int flow, byte protocol, uint sequence)
    {
        BinaryPrimitives.WriteUInt16BigEndian(packet, 0x4500);
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)sequence);
        BinaryPrimitives.WriteUInt16BigEndian(packet[6..], 0x4000); // DF
        packet[8] = HopLimit;
        packet[9] = protocol;
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
        InnerAddresses.Write(packet[12..], FlowRole.Source, flow, isIpv6: false);
        InnerAddresses.Write(packet[16..], FlowRole.Destination, flow, isIpv6: false);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], InternetChecksum.Compute(packet[..Ipv4Length]));
        return InternetChecksum.Sum(packet.Slice(12, 8), (uint)(packet.Length - Ipv4Length) + protocol);
    }

    private static uint WriteIpv6(Span<byte> packet, int flow, byte nextHeader)
    {
        BinaryPrimitives.WriteUInt32BigEndian(packet, 0x6000_0000);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - Ipv6Length));
        packet[6] = nextHeader;
        packet[7] = HopLimit;
        InnerAddresses.Write(packet[8..], FlowRole.Source, flow, isIpv6: true);
        InnerAddresses.Write(packet[24..], FlowRole.Destination, flow, isIpv6: true);
        return InternetChecksum.Sum(packet.Slice(8, 32), (uint)(packet.Length - Ipv6Length) + nextHeader);
    }

    private void WriteTcp(Span<byte> segment, int flow, long number, int headers, uint pseudo)
    {
        uint sequence = SequenceOf(number);
        // Flows that end begin as well, with data in the SYN, which takes a sequence number itself. The others stand for older ones.
        bool hasBegun = _options.Lifetime is not null;
        bool isOpening = hasBegun && sequence == 0;
        int flags = isOpening ? Syn : IsLast(number) ? Fin | Ack : Ack;
        ulong[] before = _payloadBefore[headers];
        WritePorts(segment, flow, 5001);
        BinaryPrimitives.WriteUInt32BigEndian(segment[4..], (uint)(PayloadBefore((ulong)flow + sequence) - PayloadBefore((ulong)flow)) + (hasBegun && !isOpening ? 1u : 0));
        BinaryPrimitives.WriteUInt32BigEndian(segment[8..], isOpening ? 0u : 1);
        BinaryPrimitives.WriteUInt16BigEndian(segment[12..], (ushort)(0x5000 | flags)); // 20 bytes
        BinaryPrimitives.WriteUInt16BigEndian(segment[14..], ushort.MaxValue);
        BinaryPrimitives.WriteUInt32BigEndian(segment[16..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(segment[16..], Checksum(segment, pseudo));

        ulong PayloadBefore(ulong index)
        {
            ulong period = (ulong)before.Length - 1;
            return index / period * before[period] + before[index % period];
        }
    }

    private static void WriteUdp(Span<byte> datagram, int flow, uint pseudo)
    {
        WritePorts(datagram, flow, 5002);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[4..], (ushort)datagram.Length);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[6..], 0);
        ushort checksum = Checksum(datagram, pseudo);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[6..], checksum == 0 ? ushort.MaxValue : checksum);
    }

    private static void WriteEcho(Span<byte> message, int flow, uint sequence, bool isIpv6, uint pseudo)
    {
        BinaryPrimitives.WriteUInt32BigEndian(message, isIpv6 ? 0x8000_0000 : 0x0800_0000); // echo request
        BinaryPrimitives.WriteUInt16BigEndian(message[4..], (ushort)flow);
        BinaryPrimitives.WriteUInt16BigEndian(message[6..], (ushort)sequence);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], Checksum(message, isIpv6 ? pseudo : 0));
    }

    private static void WritePorts(Span<byte> upper, int flow, ushort destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(upper, (ushort)(1024 + flow % 60_000));
        BinaryPrimitives.WriteUInt16BigEndian(upper[2..], destination);
    }

    private static ushort Checksum(ReadOnlySpan<byte> upper, uint pseudo) => (ushort)~InternetChecksum.Fold(InternetChecksum.Sum(upper, pseudo));
}
