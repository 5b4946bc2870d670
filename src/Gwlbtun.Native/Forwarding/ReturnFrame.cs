using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// What stands in front of the Geneve header in a frame, which leaves through a packet socket: the virtio header, Ethernet, the outer IPv4 and UDP
/// headers. A frame is one packet, or the segments of a super-packet, which the kernel or the network card takes apart (GSO_UDP_L4).
/// </summary>
internal static unsafe class ReturnFrame
{
    /// <summary>Bytes in front of the first segment's Geneve header.</summary>
    public const int FrontLength = OuterOffset + OuterHeader.Length;

    /// <summary>UDP payload bytes of a packet at most: so many does the length field of IPv4 allow.</summary>
    public const int MaximumPayload = ushort.MaxValue - OuterHeader.Length;

    /// <summary>
    /// UDP payload bytes of all segments together at most. The kernel takes apart for the device what has 65,536 bytes (GSO_LEGACY_MAX_SIZE), the Ethernet header included, or more.
    /// </summary>
    public const int MaximumSuperPayload = MaximumPayload - NextHop.EthernetHeaderLength;

    private const int OuterOffset = VirtioNetHeader.Length + NextHop.EthernetHeaderLength;
    private const int UdpOffset = NextHop.EthernetHeaderLength + Ipv4Format.MinimumLength;

    /// <summary>
    /// Writes it. The UDP checksum is left to the kernel or the card also in front of one packet: where a receiver puts packets together (GRO), those with a checksum wait
    /// for others, and one without would overtake them.
    /// </summary>
    /// <param name="front">Where to, <see cref="FrontLength"/> bytes.</param>
    /// <param name="hop">Where the frame leaves.</param>
    /// <param name="path">The flow's outer addresses, as received.</param>
    /// <param name="genevePort">Where the load balancer listens.</param>
    /// <param name="segmentSize">UDP payload bytes of each segment but the last; of a single packet: all.</param>
    /// <param name="payloadLength">UDP payload bytes of all.</param>
    public static void WriteFront(byte* front, NextHop hop, in OuterPath path, ushort genevePort, int segmentSize, int payloadLength)
    {
        *(VirtioNetHeader*)front = new()
        {
            Flags = VirtioNetHeader.NeedsChecksum,
            GsoType = payloadLength > segmentSize ? VirtioNetHeader.GsoUdp : VirtioNetHeader.GsoNone,
            HeaderLength = UdpOffset + UdpFormat.HeaderLength,
            GsoSize = payloadLength > segmentSize ? (ushort)segmentSize : (ushort)0,
            ChecksumStart = UdpOffset,
            ChecksumOffset = UdpFormat.ChecksumOffset,
        };
        hop.WriteEthernetHeader(front + VirtioNetHeader.Length);
        // Addresses swapped, ports kept.
        OuterHeader.WriteWithPartialChecksum(new(front + OuterOffset, OuterHeader.Length), path.LocalAddress, path.LoadBalancerAddress, path.SourcePort, genevePort, payloadLength);
    }
}
