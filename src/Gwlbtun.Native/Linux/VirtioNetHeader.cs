using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// <c>struct virtio_net_hdr</c> (linux/virtio_net.h), in front of every packet of a TUN device with IFF_VNET_HDR and of a packet socket with
/// PACKET_VNET_HDR. Numbers in the machine's byte order.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct VirtioNetHeader
{
    /// <summary>Bytes.</summary>
    public const int Length = 10;

    /// <summary>VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum is still to be finished; its field holds the pseudo-header's sum.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>VIRTIO_NET_HDR_GSO_NONE: one packet.</summary>
    public const byte GsoNone = 0;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV4.</summary>
    public const byte GsoTcp4 = 1;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV6.</summary>
    public const byte GsoTcp6 = 4;

    /// <summary>VIRTIO_NET_HDR_GSO_UDP_L4: UDP over either IP version, segmented into datagrams.</summary>
    public const byte GsoUdp = 5;

    /// <summary>Segments of such a one at most: UDP_MAX_SEGMENTS before Linux 6.10, which allows more.</summary>
    public const int MaximumUdpSegments = 64;

    /// <summary>VIRTIO_NET_HDR_GSO_ECN: the first segment has CWR.</summary>
    public const byte GsoEcn = 0x80;

    public byte Flags;
    public byte GsoType;

    /// <summary>Bytes of all headers of the packet. A hint when read.</summary>
    public ushort HeaderLength;

    /// <summary>Bytes of payload in each segment; the last may have less.</summary>
    public ushort GsoSize;

    /// <summary>Where the checksummed part begins.</summary>
    public ushort ChecksumStart;

    /// <summary>Where the checksum stands, from <see cref="ChecksumStart"/> on.</summary>
    public ushort ChecksumOffset;
}
