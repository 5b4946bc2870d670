using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary><c>struct rtmsg</c> (linux/rtnetlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RouteInfo
{
    public byte Family;
    public byte DestinationLength;
    public byte SourceLength;
    public byte TypeOfService;
    public byte Table;
    public byte Protocol;
    public byte Scope;
    public byte Type;
    public uint Flags;
}

/// <summary><c>struct ndmsg</c> (linux/neighbour.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NeighbourInfo
{
    public byte Family;
    public byte Padding1;
    public ushort Padding2;
    public int Index;
    public ushort State;
    public byte Flags;
    public byte Type;
}

/// <summary><c>struct ifaddrmsg</c> (linux/if_addr.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AddressInfo
{
    public byte Family;
    public byte PrefixLength;
    public byte Flags;
    public byte Scope;
    public int Index;
}

/// <summary><c>struct fib_rule_hdr</c> (linux/fib_rules.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RuleInfo
{
    public byte Family;
    public byte DestinationLength;
    public byte SourceLength;
    public byte TypeOfService;
    public byte Table;
    public byte Reserved1;
    public byte Reserved2;
    public byte Action;
    public uint Flags;
}

/// <summary>What an interface is like, as RTM_NEWLINK says.</summary>
/// <param name="Index">The kernel's interface index.</param>
/// <param name="Type">Its hardware type (ARPHRD_*).</param>
/// <param name="Flags">IFF_*.</param>
/// <param name="Mtu">Bytes of the largest packet.</param>
/// <param name="HardwareAddress">Six bytes in wire order, from the lowest of the number up; 0 when it has none of that length.</param>
/// <param name="Name">Its name.</param>
/// <param name="Queueing">The queueing discipline where packets wait that the device cannot take at once; "noqueue" where they do not.</param>
/// <param name="Kind">The driver's own name of a device that is made by software, such as "veth"; else empty.</param>
/// <param name="SuperPacketBytes">Super-packets of IPv4 that are as long or longer, with their Ethernet header, are taken apart for the device.</param>
/// <param name="SuperPacketSegments">So are those of more segments.</param>
internal sealed record LinkMessage(
    int Index, ushort Type, uint Flags, int Mtu, ulong HardwareAddress, string Name, string Queueing, string Kind, uint SuperPacketBytes, uint SuperPacketSegments)
{
    public const ushort Ethernet = 1; // ARPHRD_ETHER
    public const ushort Bare = 0xFFFE; // ARPHRD_NONE: a TUN device
    public const uint Up = 1; // IFF_UP
    public const uint Loopback = 8; // IFF_LOOPBACK
    public const uint Running = 0x40; // IFF_RUNNING

    private const ushort AttributeAddress = 1; // IFLA_ADDRESS
    private const ushort AttributeMtu = NetlinkMessage.IflaMtu;
    private const ushort AttributeName = NetlinkMessage.IflaIfname;
    private const ushort AttributeQueueing = 6; // IFLA_QDISC
    private const ushort AttributeDetails = 18; // IFLA_LINKINFO
    private const ushort AttributeSegments = 40; // IFLA_GSO_MAX_SEGS
    private const ushort AttributeBytes = 41; // IFLA_GSO_MAX_SIZE
    private const ushort AttributeBytesOfIpv4 = 63; // IFLA_GSO_IPV4_MAX_SIZE, from kernel 6.3 on
    private const ushort DetailKind = 1; // IFLA_INFO_KIND

    /// <summary>No queueing discipline.</summary>
    public const string NoQueue = "noqueue";

    public static LinkMessage? TryParse(ReadOnlySpan<byte> payload)
    {
        if (!NetlinkAttributes.TryOpen(payload, out InterfaceInfo info, out var attributes))
            return null;
        var link = new LinkMessage(info.Index, info.Type, info.Flags, 0, 0, "", NoQueue, "", 0, 0);
        while (attributes.Read())
        {
            link = attributes.Type switch
            {
                AttributeMtu => link with { Mtu = (int)attributes.AsUInt32() },
                AttributeAddress => link with { HardwareAddress = HardwareAddressIn(attributes.Value) },
                AttributeName => link with { Name = TextIn(attributes.Value) },
                AttributeQueueing => link with { Queueing = TextIn(attributes.Value) },
                AttributeDetails => link with { Kind = KindIn(new(attributes.Value)) },
                AttributeSegments => link with { SuperPacketSegments = attributes.AsUInt32() },
                // The older one holds for IPv4 as well, unless the newer one is there, which the kernel tells of later.
                AttributeBytes or AttributeBytesOfIpv4 => link with { SuperPacketBytes = attributes.AsUInt32() },
                _ => link,
            };
        }

        return link;
    }

    public static ulong HardwareAddressIn(ReadOnlySpan<byte> value) =>
        value.Length != 6 ? 0 : MemoryMarshal.Read<uint>(value) | (ulong)MemoryMarshal.Read<ushort>(value[4..]) << 32;

    private static string KindIn(NetlinkAttributes details)
    {
        while (details.Read())
        {
            if (details.Type == DetailKind)
                return TextIn(details.Value);
        }

        return "";
    }

    private static string TextIn(ReadOnlySpan<byte> value) => Encoding.ASCII.GetString(value.TrimEnd((byte)0));
}

/// <summary>A route, as RTM_NEWROUTE says: one of a table, or the answer to which one a packet takes.</summary>
/// <param name="DestinationLength">Bits of <paramref name="Destination"/> that count.</param>
/// <param name="Destination">As it stands in memory.</param>
/// <param name="Type">RTN_*.</param>
/// <param name="IsCloned">Whether it tells of a packet's route and not of a table's.</param>
/// <param name="InterfaceIndex">Where packets leave; 0 when the route names none, or several.</param>
/// <param name="Gateway">As it stands in memory; 0 when the destination is on the link.</param>
/// <param name="IsPlain">False when packets are wrapped on their way (a light-weight tunnel), or go by way of an IPv6 router.</param>
/// <param name="Mtu">The route's own MTU; 0 when it has none.</param>
internal sealed record RouteMessage(byte DestinationLength, uint Destination, byte Type, bool IsCloned, int InterfaceIndex, uint Gateway, bool IsPlain, int Mtu)
{
    public const byte Unicast = 1; // RTN_UNICAST

    private const uint Cloned = 0x200; // RTM_F_CLONED
    private const ushort AttributeDestination = NetlinkMessage.RtaDst;
    private const ushort AttributeInterface = 4; // RTA_OIF
    private const ushort AttributeGateway = 5; // RTA_GATEWAY
    private const ushort AttributeMetrics = 8; // RTA_METRICS
    private const ushort AttributeVia = 18; // RTA_VIA
    private const ushort AttributeEncapsulation = 22; // RTA_ENCAP
    private const ushort MetricMtu = 2; // RTAX_MTU

    /// <returns>Null unless it is an IPv4 route.</returns>
    public static RouteMessage? TryParse(ReadOnlySpan<byte> payload)
    {
        if (!NetlinkAttributes.TryOpen(payload, out RouteInfo info, out var attributes) || info.Family != SocketOption.AfInet)
            return null;
        uint destination = 0, gateway = 0;
        int index = 0, mtu = 0;
        var isPlain = true;
        while (attributes.Read())
        {
            switch (attributes.Type)
            {
                case AttributeDestination:
                    destination = attributes.AsUInt32();
                    break;
                case AttributeInterface:
                    index = (int)attributes.AsUInt32();
                    break;
                case AttributeGateway:
                    gateway = attributes.AsUInt32();
                    break;
                case AttributeVia or AttributeEncapsulation:
                    isPlain = false;
                    break;
                case AttributeMetrics:
                    mtu = MtuIn(new(attributes.Value));
                    break;
            }
        }

        return new(info.DestinationLength, destination, info.Type, (info.Flags & Cloned) != 0, index, gateway, isPlain, mtu);
    }

    /// <summary>Whether an address, as it stands in memory, is among the destinations of the route.</summary>
    public bool Covers(uint address) =>
        DestinationLength == 0 || BinaryPrimitives.ReverseEndianness(address ^ Destination) >> (32 - DestinationLength) == 0;

    private static int MtuIn(NetlinkAttributes metrics)
    {
        while (metrics.Read())
        {
            if (metrics.Type == MetricMtu)
                return (int)metrics.AsUInt32();
        }

        return 0;
    }
}

/// <summary>A neighbour, as RTM_NEWNEIGH and RTM_DELNEIGH say.</summary>
/// <param name="InterfaceIndex">The kernel's interface index.</param>
/// <param name="Address">As it stands in memory.</param>
/// <param name="State">NUD_*.</param>
/// <param name="HardwareAddress">As <see cref="LinkMessage.HardwareAddress"/>; 0 when it is not known.</param>
internal sealed record NeighbourMessage(int InterfaceIndex, uint Address, ushort State, ulong HardwareAddress)
{
    public const ushort Reachable = 0x02; // NUD_REACHABLE
    public const ushort Stale = 0x04; // NUD_STALE
    public const ushort Delay = 0x08; // NUD_DELAY
    public const ushort Probe = 0x10; // NUD_PROBE
    public const ushort Permanent = 0x80; // NUD_PERMANENT

    private const ushort AttributeHardwareAddress = 2; // NDA_LLADDR

    /// <returns>Null unless it is an IPv4 neighbour.</returns>
    public static NeighbourMessage? TryParse(ReadOnlySpan<byte> payload)
    {
        if (!NetlinkAttributes.TryOpen(payload, out NeighbourInfo info, out var attributes) || info.Family != SocketOption.AfInet)
            return null;
        uint address = 0;
        ulong hardware = 0;
        while (attributes.Read())
        {
            if (attributes.Type == NetlinkMessage.NdaDst)
                address = attributes.AsUInt32();
            else if (attributes.Type == AttributeHardwareAddress)
                hardware = LinkMessage.HardwareAddressIn(attributes.Value);
        }

        return new(info.Index, address, info.State, hardware);
    }
}

/// <summary>An interface's own address, as RTM_NEWADDR and RTM_DELADDR say.</summary>
/// <param name="InterfaceIndex">The kernel's interface index.</param>
/// <param name="Address">As it stands in memory.</param>
internal sealed record AddressMessage(int InterfaceIndex, uint Address)
{
    private const ushort AttributeLocal = 2; // IFA_LOCAL

    /// <returns>Null unless it is an IPv4 address.</returns>
    public static AddressMessage? TryParse(ReadOnlySpan<byte> payload)
    {
        if (!NetlinkAttributes.TryOpen(payload, out AddressInfo info, out var attributes) || info.Family != SocketOption.AfInet)
            return null;
        uint address = 0;
        while (attributes.Read())
        {
            if (attributes.Type == AttributeLocal)
                address = attributes.AsUInt32();
        }

        return new(info.Index, address);
    }
}

/// <summary>A policy rule, as RTM_NEWRULE and RTM_DELRULE say.</summary>
/// <param name="ConcernsOutput">False when it selects forwarded packets alone, by the interface that they came in by.</param>
internal sealed record RuleMessage(bool ConcernsOutput)
{
    private const ushort AttributeInputInterface = 3; // FRA_IIFNAME

    /// <returns>Null unless it is an IPv4 rule.</returns>
    public static RuleMessage? TryParse(ReadOnlySpan<byte> payload)
    {
        if (!NetlinkAttributes.TryOpen(payload, out RuleInfo info, out var attributes) || info.Family != SocketOption.AfInet)
            return null;
        var concernsOutput = true;
        while (attributes.Read())
        {
            // A packet of our own has come in by the loopback device, to a rule.
            if (attributes.Type == AttributeInputInterface)
                concernsOutput = attributes.Value.StartsWith("lo\0"u8);
        }

        return new(concernsOutput);
    }
}
