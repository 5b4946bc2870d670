using System.Runtime.InteropServices;
using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Requests to the kernel over rtnetlink (rtnetlink(7)): one socket a request, answered before the call returns. For set-up only.
/// </summary>
public static class RouteNetlink
{
    /// <summary>The index of the loopback device, in every network namespace (LOOPBACK_IFINDEX, net/flow.h).</summary>
    internal const int LoopbackIndex = 1;

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

        // A multi-queue TUN device has 256 queues to the kernel, whoever reads how many, and with the default discipline each gets buffers of
        // its own for thrice the queue length when the device goes up: 25 MB at 4,096. The device's own queues hold packets anyway.
        var direct = NetlinkMessage.NewQueueDiscipline(interfaceIndex);
        direct.AddString(NetlinkMessage.TcaKind, "noqueue");
        if (!Request(direct).IsError)
        {
            // While it is down: to change the length of a live queue, the kernel waits until every packet in flight has gone.
            var queue = new NetlinkMessage(NetlinkMessage.NewLink, interfaceIndex);
            queue.AddUInt32(NetlinkMessage.IflaTxqlen, (uint)queueLength);
            Request(queue).OrThrow($"set the queue length of interface {interfaceIndex} to {queueLength}");
        }

        var up = new NetlinkMessage(NetlinkMessage.NewLink, interfaceIndex, NetlinkMessage.IffUp, NetlinkMessage.IffUp);
        up.AddUInt32(NetlinkMessage.IflaMtu, (uint)mtu);
        Request(up).OrThrow($"bring up interface {interfaceIndex} with MTU {mtu}", "CAP_NET_ADMIN is needed.");
    }

    /// <summary>
    /// Whether an interface exists and is administratively up (IFF_UP), at this moment. True also when the kernel could not be asked, for want of
    /// a descriptor or memory: nobody is to take a tunnel down for that.
    /// </summary>
    /// <param name="interfaceIndex">The kernel's interface index, in the caller's network namespace.</param>
    public static bool IsUp(int interfaceIndex)
    {
        Span<byte> answer = stackalloc byte[AnswerBytes];
        var received = Exchange(NetlinkMessage.GetInterface(interfaceIndex), answer);
        if (received.IsError)
            return true;
        NetlinkReader reader = new(answer[..received.Value]);
        if (!reader.Read() || !NetlinkAttributes.TryOpen(reader.Payload, out InterfaceInfo info, out _))
            return true;
        return reader.Header.Type == NetlinkMessage.NewLink && (info.Flags & NetlinkMessage.IffUp) != 0;
    }

    /// <summary>Brings the loopback device up, and gives it an alias (ifalias), by which its network namespace can be known again.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal static void BringUpLoopback(string alias)
    {
        var up = new NetlinkMessage(NetlinkMessage.NewLink, LoopbackIndex, NetlinkMessage.IffUp, NetlinkMessage.IffUp);
        up.AddString(NetlinkMessage.IflaIfalias, alias);
        Request(up).OrThrow("bring up the loopback device", "CAP_NET_ADMIN is needed.");
    }

    /// <summary>An interface's alias; empty when it has none, or cannot be asked for it.</summary>
    internal static string AliasOf(int interfaceIndex)
    {
        Span<byte> answer = stackalloc byte[AnswerBytes];
        var received = Exchange(NetlinkMessage.GetInterface(interfaceIndex), answer);
        NetlinkReader reader = new(received.IsError ? [] : answer[..received.Value]);
        if (!reader.Read() || reader.Header.Type != NetlinkMessage.NewLink || !NetlinkAttributes.TryOpen(reader.Payload, out InterfaceInfo _, out var attributes))
            return string.Empty;
        while (attributes.Read())
        {
            if (attributes.Type == NetlinkMessage.IflaIfalias)
                return Encoding.UTF8.GetString(attributes.Value).TrimEnd('\0');
        }

        return string.Empty;
    }

    private static SysResult Request(NetlinkMessage message)
    {
        Span<byte> answer = stackalloc byte[AnswerBytes];
        var received = Exchange(message, answer);
        if (received.IsError)
            return received;
        NetlinkReader reader = new(answer[..received.Value]);
        return reader.Read() && reader.Header.Type == NetlinkMessage.Error && MemoryMarshal.TryRead<int>(reader.Payload, out var negatedErrno)
            ? SysResult.FromErrno(-negatedErrno)
            : SysResult.FromErrno(LinuxError.EIO);
    }

    /// <summary>Sends a request and takes the first <see cref="AnswerBytes"/> bytes of the answer.</summary>
    private static SysResult Exchange(NetlinkMessage message, Span<byte> answer)
    {
        using var socket = NetlinkSocket.TryOpen(groups: 0, out var error);
        return socket is null ? SysResult.FromErrno(error.Number) : socket.Exchange(message, answer);
    }
}
