using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary><c>struct sockaddr_nl</c> (linux/netlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NetlinkAddress
{
    public ushort Family;
    public ushort Padding;
    public uint PortId;
    public uint Groups;
}

/// <summary><c>struct nlmsghdr</c> (linux/netlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NetlinkHeader
{
    public uint Length;
    public ushort Type;
    public ushort Flags;
    public uint Sequence;
    public uint PortId;
}

/// <summary><c>struct ifinfomsg</c> (linux/rtnetlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct InterfaceInfo
{
    public byte Family;
    public byte Padding;
    public ushort Type;
    public int Index;
    public uint Flags;
    public uint Change;
}

/// <summary><c>struct nlattr</c> (linux/netlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NetlinkAttribute
{
    public ushort Length;
    public ushort Type;
}

/// <summary><c>struct tcmsg</c> (linux/rtnetlink.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TrafficControlInfo
{
    public byte Family;
    public byte Padding1;
    public ushort Padding2;
    public int Index;
    public uint Handle;
    public uint Parent;
    public uint Info;
}

/// <summary>Builds one request about an interface, a route or a neighbour.</summary>
internal sealed class NetlinkMessage
{
    public const ushort Error = 2; // NLMSG_ERROR
    public const ushort NewLink = 16; // RTM_NEWLINK
    public const ushort DeleteLink = 17; // RTM_DELLINK
    public const ushort GetLink = 18; // RTM_GETLINK
    public const ushort NewAddress = 20; // RTM_NEWADDR
    public const ushort DeleteAddress = 21; // RTM_DELADDR
    public const ushort NewRoute = 24; // RTM_NEWROUTE
    public const ushort DeleteRoute = 25; // RTM_DELROUTE
    public const ushort GetRoute = 26; // RTM_GETROUTE
    public const ushort NewNeighbour = 28; // RTM_NEWNEIGH
    public const ushort DeleteNeighbour = 29; // RTM_DELNEIGH
    public const ushort GetNeighbour = 30; // RTM_GETNEIGH
    public const ushort NewRule = 32; // RTM_NEWRULE
    public const ushort DeleteRule = 33; // RTM_DELRULE
    public const ushort NewQdisc = 36; // RTM_NEWQDISC
    public const ushort DeleteQdisc = 37; // RTM_DELQDISC
    public const ushort NewNextHop = 104; // RTM_NEWNEXTHOP
    public const ushort DeleteNextHop = 105; // RTM_DELNEXTHOP
    public const ushort FlagRequest = 1; // NLM_F_REQUEST
    public const ushort FlagAck = 4; // NLM_F_ACK
    public const ushort FlagReplace = 0x100; // NLM_F_REPLACE
    public const ushort FlagCreate = 0x400; // NLM_F_CREATE
    public const ushort TcaKind = 1; // TCA_KIND
    public const uint TcRoot = 0xFFFFFFFF; // TC_H_ROOT
    public const ushort IflaIfname = 3;
    public const ushort IflaMtu = 4;
    public const ushort IflaTxqlen = 13;
    public const ushort IflaIfalias = 20;
    public const ushort IflaAfSpec = 26;
    public const ushort IflaInet6AddrGenMode = 8;
    public const byte In6AddrGenModeNone = 1; // IN6_ADDR_GEN_MODE_NONE
    public const ushort AfInet6 = 10;
    public const uint IffUp = 1;
    public const ushort RtaDst = 1; // RTA_DST
    public const ushort RtaSrc = 2; // RTA_SRC
    public const ushort NdaDst = 1; // NDA_DST

    private const byte AddressBits = 32;
    private const byte NtfUse = 1; // NTF_USE

    private readonly byte[] _buffer = new byte[256];
    private readonly Stack<int> _nested = new();
    private int _length;

    public NetlinkMessage(ushort type, int interfaceIndex, uint flags = 0, uint change = 0)
    {
        var header = new NetlinkHeader { Type = type, Flags = FlagRequest | FlagAck };
        Write(header);
        Write(new InterfaceInfo { Index = interfaceIndex, Flags = flags, Change = change });
    }

    private NetlinkMessage(in NetlinkHeader header) => Write(header);

    /// <summary>Begins a request for the root queue discipline of an interface, in place of the one that it has.</summary>
    public static NetlinkMessage NewQueueDiscipline(int interfaceIndex)
    {
        var message = new NetlinkMessage(new NetlinkHeader { Type = NewQdisc, Flags = FlagRequest | FlagAck | FlagCreate | FlagReplace });
        message.Write(new TrafficControlInfo { Index = interfaceIndex, Parent = TcRoot });
        return message;
    }

    /// <summary>A request for what is known of an interface.</summary>
    public static NetlinkMessage GetInterface(int interfaceIndex)
    {
        var message = new NetlinkMessage(new NetlinkHeader { Type = GetLink, Flags = FlagRequest });
        message.Write(new InterfaceInfo { Index = interfaceIndex });
        return message;
    }

    /// <summary>A request for the route of a packet of our own between two addresses, as they stand in memory.</summary>
    public static NetlinkMessage GetRouteBetween(uint source, uint destination)
    {
        var message = new NetlinkMessage(new NetlinkHeader { Type = GetRoute, Flags = FlagRequest });
        message.Write(new RouteInfo { Family = SocketOption.AfInet, DestinationLength = AddressBits, SourceLength = AddressBits });
        message.AddUInt32(RtaDst, destination);
        message.AddUInt32(RtaSrc, source);
        return message;
    }

    /// <summary>A request for what is known of a neighbour.</summary>
    public static NetlinkMessage GetNeighbourOf(int interfaceIndex, uint address) => About(GetNeighbour, FlagRequest, interfaceIndex, address, 0);

    /// <summary>A request to treat a neighbour as one that a packet was just sent to.</summary>
    public static NetlinkMessage UseNeighbourOf(int interfaceIndex, uint address) => About(NewNeighbour, FlagRequest | FlagAck, interfaceIndex, address, NtfUse);

    private static NetlinkMessage About(ushort type, ushort flags, int interfaceIndex, uint address, byte neighbourFlags)
    {
        var message = new NetlinkMessage(new NetlinkHeader { Type = type, Flags = flags });
        message.Write(new NeighbourInfo { Family = SocketOption.AfInet, Index = interfaceIndex, Flags = neighbourFlags });
        message.AddUInt32(NdaDst, address);
        return message;
    }

    public void AddString(ushort type, string value)
    {
        Write(new NetlinkAttribute { Length = (ushort)(4 + value.Length + 1), Type = type });
        Encoding.ASCII.GetBytes(value, _buffer.AsSpan(_length));
        // The terminating zero, and padding to four.
        _length += (value.Length + 1 + 3) & ~3;
    }

    public void AddUInt32(ushort type, uint value)
    {
        Write(new NetlinkAttribute { Length = 8, Type = type });
        Write(value);
    }

    public void AddByte(ushort type, byte value)
    {
        Write(new NetlinkAttribute { Length = 5, Type = type });
        Write((uint)value); // the byte, padded to four
    }

    public void BeginNested(ushort type)
    {
        _nested.Push(_length);
        Write(new NetlinkAttribute { Type = type });
    }

    public void EndNested()
    {
        var start = _nested.Pop();
        var length = (ushort)(_length - start);
        MemoryMarshal.Write(_buffer.AsSpan(start), in length);
    }

    /// <summary>The whole request. Its answer has the same sequence number.</summary>
    public ReadOnlySpan<byte> Finish(uint sequence)
    {
        ref var header = ref MemoryMarshal.AsRef<NetlinkHeader>(_buffer.AsSpan());
        header.Length = (uint)_length;
        header.Sequence = sequence;
        return _buffer.AsSpan(0, _length);
    }

    private void Write<T>(in T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(_buffer.AsSpan(_length), in value);
        _length += Unsafe.SizeOf<T>();
    }
}
