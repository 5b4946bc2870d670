using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>Socket calls and the option numbers that we use: asm-generic/socket.h, linux/in.h.</summary>
internal static unsafe partial class SocketOption
{
    public const int AfInet = 2;
    public const int AfNetlink = 16;
    public const int AfPacket = 17;
    public const int SockDgram = 2;
    public const int SockRaw = 3;
    public const int SockCloexec = 0x80000;
    public const int SockNonblock = 0x800;

    public const int IpprotoIp = 0;
    public const int IpprotoUdp = 17;
    public const int UdpGro = 104;
    public const int IpprotoRaw = 255;

    public const int SolSocket = 1;
    public const int SoReuseaddr = 2;
    public const int SoSndbuf = 7;
    public const int SoRcvbuf = 8;
    public const int SoReuseport = 15;
    public const int SoMeminfo = 55;

    // linux/sock_diag.h: what SO_MEMINFO tells, one number each.
    public const int MeminfoRmemAlloc = 0;
    public const int MeminfoRcvbuf = 1;
    public const int MeminfoVars = 9;
    public const int SoAttachFilter = 26;
    public const int SoSndbufforce = 32;
    public const int SoRcvbufforce = 33;
    public const int SoRxqOvfl = 40;
    public const int SoBusyPoll = 46;

    public const int IpPktinfo = 8;
    public const int IpMtuDiscover = 10;
    public const int IpRecverr = 11;
    public const int IpRecvfragsize = 25;

    /// <summary>IP_PMTUDISC_PROBE: sets DF, and leaves the path MTU to us.</summary>
    public const int IpPmtudiscProbe = 3;

    public const int SolPacket = 263;
    public const int PacketVnetHdr = 15;
    public const ushort EthPAll = 3;

    public const int MsgTrunc = 0x20;
    public const int MsgDontwait = 0x40;
    public const int MsgErrqueue = 0x2000;

    /// <summary>Room for what waits to be sent: with SO_SNDBUFFORCE (CAP_NET_ADMIN), else up to net.core.wmem_max.</summary>
    public static void GrantSendBuffer(int fd, int bytes)
    {
        if (Set(fd, SolSocket, SoSndbufforce, bytes).IsError)
            _ = Set(fd, SolSocket, SoSndbuf, bytes);
    }

    /// <summary>
    /// Has the kernel tell of packets that it drops on their way out (IP_RECVERR, ip(7)): without, a send into a full queue of the uplink
    /// succeeds. What then queues up in the socket's error queue is to be taken out with <see cref="DiscardErrors"/>.
    /// </summary>
    public static void ReportSendErrors(int fd) => _ = Set(fd, IpprotoIp, IpRecverr, 1);

    /// <summary>Empties the socket's error queue.</summary>
    public static void DiscardErrors(int fd)
    {
        byte unused;
        while (!SysResult.From(recv(fd, &unused, 0, MsgErrqueue | MsgDontwait)).IsError)
        {
        }
    }

    public static int Open(int family, int type, int protocol, string purpose, string? hint = null) =>
        SysResult.From(socket(family, type | SockCloexec | SockNonblock, protocol)).OrThrow($"open {purpose}", hint);

    public static SysResult TryOpen(int family, int type, int protocol) =>
        SysResult.From(socket(family, type | SockCloexec | SockNonblock, protocol));

    public static SysResult Set(int fd, int level, int option, int value) =>
        SysResult.From(setsockopt(fd, level, option, &value, sizeof(int)));

    public static SysResult Set(int fd, int level, int option, void* value, int length) =>
        SysResult.From(setsockopt(fd, level, option, value, (uint)length));

    public static int Get(int fd, int level, int option)
    {
        int value = 0;
        uint length = sizeof(int);
        return SysResult.From(getsockopt(fd, level, option, &value, &length)).IsError ? 0 : value;
    }

    /// <summary>Reads an option of several numbers.</summary>
    public static SysResult Read(int fd, int level, int option, void* value, uint length) => SysResult.From(getsockopt(fd, level, option, value, &length));

    public static SysResult Bind(int fd, void* address, int length) => SysResult.From(bind(fd, address, (uint)length));

    public static SysResult SendTo(int fd, void* buffer, int length, void* address, int addressLength) =>
        SysResult.From(sendto(fd, buffer, (nuint)length, MsgDontwait, address, (uint)addressLength));

    public static SysResult Receive(int fd, void* buffer, int length, int flags) =>
        SysResult.From(recv(fd, buffer, (nuint)length, flags));

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int fd, int level, int option, void* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int fd, int level, int option, void* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int fd, void* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendto(int fd, void* buffer, nuint length, int flags, void* address, uint addressLength);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int fd, void* buffer, nuint length, int flags);
}
