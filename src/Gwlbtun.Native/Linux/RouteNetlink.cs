using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Requests to the kernel over rtnetlink (rtnetlink(7)): one socket a request, answered before the call returns. For set-up only.
/// </summary>
public static unsafe class RouteNetlink
{
    private const int AnswerBytes = 4096;

    /// <summary>
    /// Brings an interface up with its MTU and queue length, and without an IPv6 address of its own, so that the kernel has
    /// nothing to announce on it.
    /// </summary>
    /// <param name="interfaceIndex">The kernel's interface index.</param>
    /// <param name="mtu">Bytes of the largest inner packet.</param>
    /// <param name="queueLength">Packets that each queue holds for its reader (txqueuelen).</param>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static void BringUp(int interfaceIndex, int mtu, int queueLength)
    {
        // A kernel without IPv6, or with it switched off for the device, has no such mode to set: nothing is lost.
        var quiet = new NetlinkMessage(NetlinkMessage.NewLink, interfaceIndex);
        quiet.BeginNested(NetlinkMessage.IflaAfSpec);
        quiet.BeginNested(NetlinkMessage.AfInet6);
        quiet.AddByte(NetlinkMessage.IflaInet6AddrGenMode, NetlinkMessage.In6AddrGenModeNone);
        quiet.EndNested();
        quiet.EndNested();
        _ = Request(quiet);

        var up = new NetlinkMessage(NetlinkMessage.NewLink, interfaceIndex, NetlinkMessage.IffUp, NetlinkMessage.IffUp);
        up.AddUInt32(NetlinkMessage.IflaMtu, (uint)mtu);
        up.AddUInt32(NetlinkMessage.IflaTxqlen, (uint)queueLength);
        Request(up).OrThrow($"bring up interface {interfaceIndex} with MTU {mtu}", "CAP_NET_ADMIN is needed.");
    }

    /// <summary>
    /// Whether an interface exists and is administratively up (IFF_UP), at this moment. True also when the kernel could not be asked, for want of
    /// a descriptor or memory: nobody is to take a tunnel down for that.
    /// </summary>
    /// <param name="interfaceIndex">The kernel's interface index, in the caller's network namespace.</param>
    public static bool IsUp(int interfaceIndex)
    {
        var answer = stackalloc byte[AnswerBytes];
        var received = Exchange(new NetlinkMessage(NetlinkMessage.GetLink, interfaceIndex), answer);
        if (received.IsError || received.Value < sizeof(NetlinkHeader) + sizeof(InterfaceInfo))
            return true;
        if (((NetlinkHeader*)answer)->Type != NetlinkMessage.NewLink)
            return false;
        return (((InterfaceInfo*)(answer + sizeof(NetlinkHeader)))->Flags & NetlinkMessage.IffUp) != 0;
    }

    private static SysResult Request(NetlinkMessage message)
    {
        var answer = stackalloc byte[AnswerBytes];
        var received = Exchange(message, answer);
        if (received.IsError)
            return received;
        return ((NetlinkHeader*)answer)->Type == NetlinkMessage.Error && received.Value >= sizeof(NetlinkHeader) + sizeof(int)
            ? SysResult.FromErrno(-*(int*)(answer + sizeof(NetlinkHeader)))
            : SysResult.FromErrno(LinuxError.EIO);
    }

    /// <summary>Sends a request and takes the first <see cref="AnswerBytes"/> bytes of the answer.</summary>
    private static SysResult Exchange(NetlinkMessage message, byte* answer)
    {
        var opened = SocketOption.TryOpen(SocketOption.AfNetlink, SocketOption.SockRaw, 0);
        if (opened.IsError)
            return opened;
        try
        {
            var request = message.Finish();
            SysResult sent;
            fixed (byte* bytes = request)
            {
                NetlinkAddress kernel = new() { Family = SocketOption.AfNetlink };
                sent = SocketOption.SendTo(opened.Value, bytes, request.Length, &kernel, sizeof(NetlinkAddress));
            }

            // The kernel has answered by the time that sendto returns: rtnetlink works in the caller's context.
            return sent.IsError ? sent : SocketOption.Receive(opened.Value, answer, AnswerBytes, 0);
        }
        finally
        {
            FileDescriptor.Close(opened.Value);
        }
    }
}

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

/// <summary>Builds one RTM_NEWLINK request.</summary>
internal sealed class NetlinkMessage
{
    public const ushort Error = 2; // NLMSG_ERROR
    public const ushort NewLink = 16; // RTM_NEWLINK
    public const ushort DeleteLink = 17; // RTM_DELLINK
    public const ushort GetLink = 18; // RTM_GETLINK
    public const ushort FlagRequest = 1; // NLM_F_REQUEST
    public const ushort FlagAck = 4; // NLM_F_ACK
    public const ushort IflaIfname = 3;
    public const ushort IflaMtu = 4;
    public const ushort IflaTxqlen = 13;
    public const ushort IflaAfSpec = 26;
    public const ushort IflaInet6AddrGenMode = 8;
    public const byte In6AddrGenModeNone = 1; // IN6_ADDR_GEN_MODE_NONE
    public const ushort AfInet6 = 10;
    public const uint IffUp = 1;

    private readonly byte[] _buffer = new byte[256];
    private readonly Stack<int> _nested = new();
    private int _length;

    public NetlinkMessage(ushort type, int interfaceIndex, uint flags = 0, uint change = 0)
    {
        var header = new NetlinkHeader { Type = type, Flags = FlagRequest | FlagAck, Sequence = 1 };
        Write(header);
        Write(new InterfaceInfo { Index = interfaceIndex, Flags = flags, Change = change });
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

    public ReadOnlySpan<byte> Finish()
    {
        var length = (uint)_length;
        MemoryMarshal.Write(_buffer, in length);
        return _buffer.AsSpan(0, _length);
    }

    private void Write<T>(in T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(_buffer.AsSpan(_length), in value);
        _length += Unsafe.SizeOf<T>();
    }
}
