using System.Buffers.Binary;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>
/// Says for every number what the datagram is, byte by byte, before it is cut into fragments. Nothing is stored: what comes back is
/// compared with the same datagram made again. Each payload is its number in 8 bytes, then noise that depends on it.
/// </summary>
internal sealed class CaseWriter
{
    /// <summary>Bytes of a packet's number, with which its payload begins.</summary>
    public const int NumberLength = 8;

    private const int Ipv4Length = 20;
    private const int TcpLength = 20;
    private const int UdpLength = 8;
    private const byte HopLimit = 64;
    private const int NoisePeriod = 4096;
    private const uint FirstIdentification = 0x5EED_0000;

    private static readonly byte[] _noise = NewNoise();

    private readonly BlastOptions _options;
    private readonly CaseOptions _cases;
    private readonly CasePlan _plan;

    public CaseWriter(BlastOptions options, CaseOptions cases, CasePlan plan) => (_options, _cases, _plan) = (options, cases, plan);

    /// <summary>The identification of a datagram, in an IPv4 or in an IPv6 fragment header.</summary>
    public static uint IdOf(long sequence, bool isIpv6) => isIpv6 ? FirstIdentification + (uint)sequence : (ushort)sequence;

    /// <summary>The last place in a stream that has this identification.</summary>
    /// <param name="id">The identification.</param>
    /// <param name="isIpv6">Whether it is of 32 bits.</param>
    /// <param name="last">The place that was sent last.</param>
    /// <param name="sequence">The place.</param>
    /// <returns>False when none that was sent has it.</returns>
    public static bool TryReadId(uint id, bool isIpv6, long last, out long sequence)
    {
        sequence = isIpv6 ? id - FirstIdentification : last - (ushort)(last - id);
        return sequence >= 0 && sequence <= last;
    }

    /// <summary>Bytes of the header behind which the payload begins.</summary>
    public static int UpperLength(byte protocol) => protocol == IpProtocol.Tcp ? TcpLength : UdpLength;

    /// <summary>Writes a data packet, or one with hop limit 1.</summary>
    public Datagram Write(Span<byte> destination, long number)
    {
        int stream = _plan.StreamOf(number);
        int flow = _plan.ConversationOf(stream);
        long sequence = _plan.SequenceOf(number);
        bool isIpv6 = _plan.IsIpv6(stream), isExpiring = _plan.KindOf(number) == CaseKind.Expiring;
        byte protocol = _plan.ProtocolOf(stream) switch
        {
            BlastProtocol.Tcp => IpProtocol.Tcp,
            BlastProtocol.Udp => IpProtocol.Udp,
            _ => isIpv6 ? IpProtocol.IcmpV6 : IpProtocol.Icmp,
        };

        int size = _options.Sizes[(ulong)(flow + sequence)];
        Datagram datagram = new() { IsToFragment = size > _cases.FragmentSize && !isExpiring };
        if (isExpiring && _cases.FragmentSize is { } fragmentSize)
            size = Math.Min(size, fragmentSize);
        if (isIpv6)
            ExtensionChain.Write(destination, _cases.IpOptions ? flow : null, protocol, IdOf(sequence, isIpv6), ref datagram);
        else
            datagram.FixedLength = datagram.UpperOffset = Ipv4Length + (_cases.IpOptions ? Ipv4Options.LengthOf(flow) : 0);
        int headers = datagram.UpperOffset + UpperLength(protocol);
        datagram.Length = Math.Max(size, headers + NumberLength);
        Span<byte> packet = destination[..datagram.Length];

        Span<byte> payload = packet[headers..];
        BinaryPrimitives.WriteInt64BigEndian(payload, number);
        payload = payload[NumberLength..];
        _noise.AsSpan((int)((ulong)number * 7 % NoisePeriod), payload.Length).CopyTo(payload);

        (FlowRole from, FlowRole to) = _plan.IsBackward(stream) ? (FlowRole.Destination, FlowRole.Source) : (FlowRole.Source, FlowRole.Destination);
        byte hopLimit = isExpiring ? (byte)1 : HopLimit;
        if (isIpv6)
            WriteIpv6(packet, flow, from, to, hopLimit, flowLabel: 0);
        else
            WriteIpv4(packet, datagram, flow, from, to, protocol, hopLimit, (ushort)sequence);
        WriteUpper(packet[datagram.UpperOffset..], stream, sequence, protocol, packet.Length - headers);
        WriteChecksum(packet, datagram.UpperOffset, protocol);
        return datagram;
    }

    /// <summary>Writes the IP header of an ICMP error that a router sends to a stream's source, and the error's checksum.</summary>
    /// <param name="packet">The whole packet, the error in its place.</param>
    /// <param name="number">The error's number. Its place in the stream is readable from the identification, or from the flow label.</param>
    public void WriteErrorHeaders(Span<byte> packet, long number)
    {
        int stream = _plan.StreamOf(number);
        int flow = _plan.ConversationOf(stream);
        FlowRole to = _plan.IsBackward(stream) ? FlowRole.Destination : FlowRole.Source;
        long sequence = _plan.SequenceOf(number);
        if (_plan.IsIpv6(stream))
        {
            packet[6] = IpProtocol.IcmpV6;
            WriteIpv6(packet, flow, FlowRole.Router, to, HopLimit, (uint)sequence & ErrorWriter.FlowLabelMask);
            WriteChecksum(packet, 40, IpProtocol.IcmpV6);
        }
        else
        {
            WriteIpv4(packet, new Datagram { FixedLength = Ipv4Length }, flow, FlowRole.Router, to, IpProtocol.Icmp, HopLimit, (ushort)sequence);
            WriteChecksum(packet, Ipv4Length, IpProtocol.Icmp);
        }
    }

    private static void WriteIpv4(Span<byte> packet, in Datagram datagram, int flow, FlowRole from, FlowRole to, byte protocol, byte hopLimit, ushort id)
    {
        packet[0] = (byte)(0x40 | datagram.FixedLength / 4);
        packet[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], id);
        BinaryPrimitives.WriteUInt16BigEndian(packet[6..], datagram.IsToFragment ? (ushort)0 : (ushort)0x4000); // DF
        packet[8] = hopLimit;
        packet[9] = protocol;
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
        InnerAddresses.Write(packet[12..], from, flow, isIpv6: false);
        InnerAddresses.Write(packet[16..], to, flow, isIpv6: false);
        if (datagram.FixedLength > Ipv4Length)
            Ipv4Options.Write(packet[Ipv4Length..], flow);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], InternetChecksum.Compute(packet[..datagram.FixedLength]));
    }

    // The next header is there already.
    private static void WriteIpv6(Span<byte> packet, int flow, FlowRole from, FlowRole to, byte hopLimit, uint flowLabel)
    {
        BinaryPrimitives.WriteUInt32BigEndian(packet, 0x6000_0000 | flowLabel);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40));
        packet[7] = hopLimit;
        InnerAddresses.Write(packet[8..], from, flow, isIpv6: true);
        InnerAddresses.Write(packet[24..], to, flow, isIpv6: true);
    }

    private void WriteUpper(Span<byte> upper, int stream, long sequence, byte protocol, int payloadLength)
    {
        int flow = _plan.ConversationOf(stream);
        bool isBackward = _plan.IsBackward(stream);
        upper[..UpperLength(protocol)].Clear();
        switch (protocol)
        {
            case IpProtocol.Tcp:
                WritePorts(upper, flow, 5001, isBackward);
                // Without a gap as long as all sizes are the same.
                BinaryPrimitives.WriteUInt32BigEndian(upper[4..], (uint)(sequence * payloadLength));
                BinaryPrimitives.WriteUInt32BigEndian(upper[8..], 1);
                BinaryPrimitives.WriteUInt32BigEndian(upper[12..], 0x5010_FFFF); // 20 bytes, ACK, window
                break;
            case IpProtocol.Udp:
                WritePorts(upper, flow, 5002, isBackward);
                BinaryPrimitives.WriteUInt16BigEndian(upper[4..], (ushort)upper.Length);
                break;
            default:
                upper[0] = EchoType(protocol, isBackward);
                BinaryPrimitives.WriteUInt16BigEndian(upper[4..], (ushort)flow);
                BinaryPrimitives.WriteUInt16BigEndian(upper[6..], (ushort)sequence);
                break;
        }
    }

    /// <summary>The type of an echo request, or of a reply.</summary>
    public static byte EchoType(byte protocol, bool isReply) => (protocol, isReply) switch
    {
        (IpProtocol.Icmp, false) => 8,
        (IpProtocol.Icmp, true) => 0,
        (_, false) => 128,
        _ => 129,
    };

    private static void WritePorts(Span<byte> upper, int flow, ushort destination, bool isBackward)
    {
        ushort source = (ushort)(1024 + flow % 60_000);
        BinaryPrimitives.WriteUInt16BigEndian(upper, isBackward ? destination : source);
        BinaryPrimitives.WriteUInt16BigEndian(upper[2..], isBackward ? source : destination);
    }

    private static void WriteChecksum(Span<byte> packet, int upperOffset, byte protocol)
    {
        Span<byte> upper = packet[upperOffset..];
        Span<byte> field = upper[(protocol switch { IpProtocol.Tcp => 16, IpProtocol.Udp => 6, _ => 2 })..];
        BinaryPrimitives.WriteUInt16BigEndian(field, 0);
        ReadOnlySpan<byte> addresses = packet[0] >> 4 == 6 ? packet.Slice(8, 32) : packet.Slice(12, 8);
        uint pseudo = protocol == IpProtocol.Icmp ? 0 : InternetChecksum.Sum(addresses, (uint)(upper.Length >> 16) + (ushort)upper.Length + protocol);
        ushort checksum = (ushort)~InternetChecksum.Fold(InternetChecksum.Sum(upper, pseudo));
        BinaryPrimitives.WriteUInt16BigEndian(field, checksum == 0 && protocol == IpProtocol.Udp ? ushort.MaxValue : checksum);
    }

    private static byte[] NewNoise()
    {
        byte[] noise = new byte[NoisePeriod + 65_536];
        new Random(1).NextBytes(noise);
        return noise;
    }
}
