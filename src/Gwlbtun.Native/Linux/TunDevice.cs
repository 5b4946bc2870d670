using System.Runtime.InteropServices;
using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary><c>struct ifreq</c> (net/if.h), as TUNSETIFF uses it: a name and flags, in 40 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal unsafe struct InterfaceRequest
{
    public fixed byte Name[16];
    public ushort Flags;
}

/// <summary>
/// A multi-queue TUN device (Documentation/networking/tuntap.rst) without packet information headers: each queue is a
/// descriptor that reads and writes one IP packet a call. The device lives as long as one of its queues is open.
/// </summary>
public sealed unsafe partial class TunDevice : IDisposable
{
    /// <summary>Queues that one device can have (MAX_TAP_QUEUES, linux/if_tun.h's driver).</summary>
    public const int MaximumQueues = 256;

    internal const string ControlPath = "/dev/net/tun";
    internal const uint TunSetIff = 0x400454ca;
    internal const uint TunSetOffload = 0x400454d0;
    internal const uint TunSetSteeringEbpf = 0x800454e0;
    internal const ushort IffTun = 0x0001;
    internal const ushort IffMultiQueue = 0x0100;
    internal const ushort IffNoPi = 0x1000;
    internal const ushort IffVnetHdr = 0x4000;
    internal const ushort IffTunExcl = 0x8000;

    private readonly int[] _queues;

    private TunDevice(string name, int interfaceIndex, int[] queues)
    {
        Name = name;
        InterfaceIndex = interfaceIndex;
        _queues = queues;
    }

    /// <summary>The interface name.</summary>
    public string Name { get; }

    /// <summary>The kernel's interface index, in the namespace in which the device was made.</summary>
    public int InterfaceIndex { get; }

    /// <summary>How many queues are open.</summary>
    public int QueueCount => _queues.Length;

    /// <summary>Makes the device with all its queues. It is down until a link message brings it up.</summary>
    /// <param name="name">1 to 15 bytes.</param>
    /// <param name="queues">1 to <see cref="MaximumQueues"/>.</param>
    /// <param name="withVirtioHeaders">Whether a <see cref="VirtioNetHeader"/> stands in front of every packet that is read or written.</param>
    /// <exception cref="LinuxException">The device cannot be made; says what to do.</exception>
    public static TunDevice Create(string name, int queues, bool withVirtioHeaders = false)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(name.Length, 15);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queues);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(queues, MaximumQueues);
        // The first makes the device: without EXCL it would join one that another process has, and share its packets.
        var flags = IffTun | IffNoPi | IffMultiQueue | (withVirtioHeaders ? IffVnetHdr : 0);
        var opened = new List<int>(queues);
        try
        {
            for (var i = 0; i < queues; i++)
                opened.Add(OpenQueue(name, flags | (i == 0 ? IffTunExcl : 0)));
            var index = SysResult.From((nint)if_nametoindex(Encoding.ASCII.GetBytes(name + '\0'))).OrThrow($"find the interface index of {name}");
            return new(name, index, [.. opened]);
        }
        catch
        {
            opened.ForEach(FileDescriptor.Close);
            throw;
        }
    }

    /// <summary>What the kernel may leave to us of the packets that it gives us: checksums, and super-packets whole. Nothing, at first.</summary>
    /// <returns>EINVAL when the kernel does not know one of them.</returns>
    internal SysResult SetOffload(TunOffloads offloads) => SysResult.From(ioctl(_queues[0], TunSetOffload, (void*)(nuint)offloads));

    /// <summary>Has an eBPF program choose the queue of each packet that the kernel gives us, by what it returns modulo the number of queues.</summary>
    /// <param name="program">The program's descriptor; it may be closed afterwards.</param>
    internal SysResult SetSteering(int program) => SysResult.From(ioctl(_queues[0], TunSetSteeringEbpf, &program));

    /// <summary>Reads one packet from a queue, without waiting.</summary>
    /// <returns>Its length, with a virtio header in front if there is one; EAGAIN when there is none; EBADFD when the device was deleted.</returns>
    public SysResult Read(int queue, byte* buffer, int length) => FileDescriptor.Read(_queues[queue], buffer, length);

    /// <summary>Writes one packet into the kernel's stack through a queue.</summary>
    /// <returns>EIO while the device is down, EBADFD after it was deleted, EINVAL for what is no IP packet, or no super-packet as the header says.</returns>
    public SysResult Write(int queue, byte* packet, int length) => FileDescriptor.Write(_queues[queue], packet, length);

    /// <summary>The same with the packet in pieces.</summary>
    internal SysResult Write(int queue, IoVector* pieces, int count) => count == 1
        ? Write(queue, pieces->Base, (int)pieces->Length)
        : FileDescriptor.Write(_queues[queue], pieces, count);

    internal int QueueHandle(int queue) => _queues[queue];

    /// <summary>Closes every queue; the device goes with the last.</summary>
    public void Dispose()
    {
        for (var i = 0; i < _queues.Length; i++)
        {
            var fd = Interlocked.Exchange(ref _queues[i], -1);
            if (fd >= 0)
                FileDescriptor.Close(fd);
        }
    }

    private static int OpenQueue(string name, int flags)
    {
        var fd = SysResult.From(open(Encoding.ASCII.GetBytes(ControlPath + '\0'), OpenReadWrite | OpenNonBlocking | OpenCloseOnExec))
            .OrThrow($"open {ControlPath}", "In a container, mount it from the host and allow the device.");
        InterfaceRequest request = default;
        Encoding.ASCII.GetBytes(name, new Span<byte>(request.Name, 15));
        request.Flags = (ushort)flags;
        var result = SysResult.From(ioctl(fd, TunSetIff, &request));
        if (!result.IsError)
            return fd;
        FileDescriptor.Close(fd);
        throw new LinuxException($"create TUN device {name}", result.Error, result.Errno switch
        {
            LinuxError.EPERM => "CAP_NET_ADMIN is needed.",
            LinuxError.EBUSY or LinuxError.EINVAL => "Another program holds a device of that name.",
            _ => null,
        });
    }

    private const int OpenReadWrite = 0x2;
    private const int OpenNonBlocking = 0x800;
    private const int OpenCloseOnExec = 0x80000;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int open([In] byte[] path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, void* argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial uint if_nametoindex([In] byte[] name);
}

/// <summary>TUN_F_* (linux/if_tun.h): what a reader of a TUN device takes off the kernel.</summary>
[Flags]
internal enum TunOffloads : uint
{
    None = 0,

    /// <summary>Packets whose checksum is not finished.</summary>
    Checksum = 1,

    /// <summary>TCP super-packets over IPv4.</summary>
    Tso4 = 2,

    /// <summary>TCP super-packets over IPv6.</summary>
    Tso6 = 4,

    /// <summary>TCP super-packets with CWR.</summary>
    TsoEcn = 8,

    /// <summary>UDP super-packets over IPv4; only together with IPv6.</summary>
    Uso4 = 0x20,

    /// <summary>UDP super-packets over IPv6; only together with IPv4.</summary>
    Uso6 = 0x40,
}
