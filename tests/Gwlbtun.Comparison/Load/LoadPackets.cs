using System.Buffers.Binary;
using Gwlbtun.Comparison.Cases;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Comparison.Load;

/// <summary>
/// Says for every flow and sequence number what the datagram is, byte by byte: Geneve header, inner headers, a stamp, and noise that is the same in
/// all. Only the head has to be written for each packet; the noise stands in the send buffer already.
/// </summary>
/// <remarks>The stamp is the flow (4 bytes), the sequence number (4) and the time of sending (8).</remarks>
internal sealed class LoadPackets
{
    public const byte HopLimit = 64;
    public const int GeneveLength = GwlbGeneveHeader.StandardLength;

    private const int StampLength = 16;
    private const int Ipv4Length = 20;
    private const int Ipv6Length = 40;
    private const int TcpLength = 20;
    private const int UdpLength = 8;
    private const ushort UdpPort = 5002;
    private const ushort TcpPort = 5001;
    private const ulong AttachmentBase = 0xA77A_0000_0000_0000;

    private readonly int[] _lengths;
    private readonly uint[] _noiseSums;
    private readonly byte[] _noise = new byte[9_000];
    private readonly bool _isTcp, _isIpv6;
    private readonly int _endpoints, _ipLength;
    private readonly uint _cookieSeed = (uint)Random.Shared.Next();

    public LoadPackets(BenchmarkCase load)
    {
        _isTcp = load.IsTcp;
        _isIpv6 = load.IsIpv6;
        _endpoints = load.Endpoints;
        _ipLength = _isIpv6 ? Ipv6Length : Ipv4Length;
        HeadLength = GeneveLength + _ipLength + (_isTcp ? TcpLength : UdpLength) + StampLength;
        new Random(1).NextBytes(_noise);
        _lengths = [.. Enumerable.Range(0, load.Sizes.Period).Select(i => Math.Max(GeneveLength + load.Sizes[(ulong)i], HeadLength))];
        _noiseSums = [.. _lengths.Select(length => InternetChecksum.Sum(NoiseOf(length)))];
    }

    /// <summary>Bytes up to the end of the stamp, from the Geneve header on.</summary>
    public int HeadLength { get; }

    /// <summary>Whether all packets have one length.</summary>
    public bool HasOneLength => _lengths.Length == 1;

    public int LongestLength => _lengths.Max();

    /// <summary>Where in a datagram the hop limit stands.</summary>
    public int HopLimitOffset => GeneveLength + (_isIpv6 ? 7 : 8);

    private int StampOffset => HeadLength - StampLength;

    /// <summary>Bytes of the datagram with this place in its flow.</summary>
    public int LengthOf(int flow, uint sequence) => _lengths[SizeIndex(flow, sequence)];

    /// <summary>What follows the head in a datagram of this length.</summary>
    public ReadOnlySpan<byte> NoiseOf(int length) => _noise.AsSpan(0, length - HeadLength);

    /// <summary>Reads which packet a datagram says that it is.</summary>
    public (int Flow, uint Sequence, long SentAt) ReadStamp(ReadOnlySpan<byte> datagram)
    {
        ReadOnlySpan<byte> stamp = datagram.Slice(StampOffset, StampLength);
        return (BinaryPrimitives.ReadInt32BigEndian(stamp), BinaryPrimitives.ReadUInt32BigEndian(stamp[4..]), BinaryPrimitives.ReadInt64BigEndian(stamp[8..]));
    }

    /// <summary>Writes the head of a datagram.</summary>
    /// <param name="head">At least <see cref="HeadLength"/> bytes.</param>
    /// <param name="flow">The flow.</param>
    /// <param name="sequence">Place in the flow, from 0 on.</param>
    /// <param name="sentAt">Goes into the stamp.</param>
    /// <param name="hopLimit">TTL or hop limit.</param>
    /// <param name="isReply">Whether the inner addresses and ports are swapped, as a server's answer has them.</param>
    public void WriteHead(Span<byte> head, int flow, uint sequence, long sentAt, byte hopLimit = HopLimit, bool isReply = false)
    {
        head = head[..HeadLength];
        int index = SizeIndex(flow, sequence);
        int innerLength = _lengths[index] - GeneveLength;
        GeneveWriter.WriteGwlbHeader(head, _isIpv6 ? EtherType.Ipv6 : EtherType.Ipv4, LoadBalancerOptions.DefaultEndpoint + (ulong)(flow % _endpoints), AttachmentBase + (ulong)flow, CookieOf(flow));
        Span<byte> packet = head[GeneveLength..];
        uint pseudo = _isIpv6 ? WriteIpv6(packet, flow, innerLength, hopLimit, isReply) : WriteIpv4(packet, flow, sequence, innerLength, hopLimit, isReply);

        Span<byte> stamp = head[StampOffset..];
        BinaryPrimitives.WriteInt32BigEndian(stamp, flow);
        BinaryPrimitives.WriteUInt32BigEndian(stamp[4..], sequence);
        BinaryPrimitives.WriteInt64BigEndian(stamp[8..], sentAt);

        Span<byte> upper = packet[_ipLength..];
        ushort client = (ushort)(1024 + flow % 60_000), server = _isTcp ? TcpPort : UdpPort;
        BinaryPrimitives.WriteUInt16BigEndian(upper, isReply ? server : client);
        BinaryPrimitives.WriteUInt16BigEndian(upper[2..], isReply ? client : server);
        uint sum = InternetChecksum.Sum(packet.Slice(_isIpv6 ? 8 : 12, _isIpv6 ? 32 : 8), pseudo + _noiseSums[index]);
        if (_isTcp)
            WriteTcp(upper, sequence * (uint)(_lengths[index] - StampOffset), sum);
        else
            WriteUdp(upper, innerLength - _ipLength, sum);
    }

    // Multiplying by an odd number keeps cookies of different flows different.
    private uint CookieOf(int flow) => (uint)flow * 2_654_435_761u ^ _cookieSeed;

    private int SizeIndex(int flow, uint sequence) => _lengths.Length == 1 ? 0 : (int)(((uint)flow + sequence) % (uint)_lengths.Length);

    // Each returns what the pseudo-header has besides the addresses.
    private uint WriteIpv4(Span<byte> packet, int flow, uint sequence, int length, byte hopLimit, bool isReply)
    {
        BinaryPrimitives.WriteUInt16BigEndian(packet, 0x4500);
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)sequence);
        BinaryPrimitives.WriteUInt16BigEndian(packet[6..], 0x4000); // DF
        packet[8] = hopLimit;
        packet[9] = _isTcp ? IpProtocol.Tcp : IpProtocol.Udp;
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
        InnerAddresses.Write(packet[(isReply ? 16 : 12)..], FlowRole.Source, flow, isIpv6: false);
        InnerAddresses.Write(packet[(isReply ? 12 : 16)..], FlowRole.Destination, flow, isIpv6: false);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], InternetChecksum.Compute(packet[..Ipv4Length]));
        return (uint)(length - Ipv4Length) + packet[9];
    }

    private uint WriteIpv6(Span<byte> packet, int flow, int length, byte hopLimit, bool isReply)
    {
        BinaryPrimitives.WriteUInt32BigEndian(packet, 0x6000_0000);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(length - Ipv6Length));
        packet[6] = _isTcp ? IpProtocol.Tcp : IpProtocol.Udp;
        packet[7] = hopLimit;
        InnerAddresses.Write(packet[(isReply ? 24 : 8)..], FlowRole.Source, flow, isIpv6: true);
        InnerAddresses.Write(packet[(isReply ? 8 : 24)..], FlowRole.Destination, flow, isIpv6: true);
        return (uint)(length - Ipv6Length) + packet[6];
    }

    private static void WriteTcp(Span<byte> segment, uint sequenceNumber, uint sum)
    {
        BinaryPrimitives.WriteUInt32BigEndian(segment[4..], sequenceNumber);
        BinaryPrimitives.WriteUInt32BigEndian(segment[8..], 1);
        BinaryPrimitives.WriteUInt16BigEndian(segment[12..], 0x5010); // 20 bytes, ACK
        BinaryPrimitives.WriteUInt16BigEndian(segment[14..], ushort.MaxValue);
        BinaryPrimitives.WriteUInt32BigEndian(segment[16..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(segment[16..], (ushort)~InternetChecksum.Fold(InternetChecksum.Sum(segment, sum)));
    }

    private static void WriteUdp(Span<byte> datagram, int length, uint sum)
    {
        BinaryPrimitives.WriteUInt16BigEndian(datagram[4..], (ushort)length);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[6..], 0);
        ushort checksum = (ushort)~InternetChecksum.Fold(InternetChecksum.Sum(datagram, sum));
        BinaryPrimitives.WriteUInt16BigEndian(datagram[6..], checksum == 0 ? ushort.MaxValue : checksum);
    }
}
