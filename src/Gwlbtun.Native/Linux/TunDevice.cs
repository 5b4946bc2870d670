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
    internal const ushort IffTun = 0x0001;
    internal const ushort IffMultiQueue = 0x0100;
    internal const ushort IffNoPi = 0x1000;
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
    /// <exception cref="LinuxException">The device cannot be made; says what to do.</exception>
    public static TunDevice Create(string name, int queues)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(name.Length, 15);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queues);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(queues, MaximumQueues);
        var opened = new List<int>(queues);
        try
        {
            for (var i = 0; i < queues; i++)
                opened.Add(OpenQueue(name, isFirst: i == 0));
            var index = SysResult.From((nint)if_nametoindex(Encoding.ASCII.GetBytes(name + '\0'))).OrThrow($"find the interface index of {name}");
            return new(name, index, [.. opened]);
        }
        catch
        {
            opened.ForEach(FileDescriptor.Close);
            throw;
        }
    }

    /// <summary>Reads one packet from a queue, without waiting.</summary>
    /// <returns>Its length; EAGAIN when there is none; EBADFD when the device was deleted.</returns>
    public SysResult Read(int queue, byte* buffer, int length) => FileDescriptor.Read(_queues[queue], buffer, length);

    /// <summary>Writes one packet into the kernel's stack through a queue.</summary>
    /// <returns>EIO while the device is down, EBADFD after it was deleted, EINVAL for what is no IP packet.</returns>
    public SysResult Write(int queue, byte* packet, int length) => FileDescriptor.Write(_queues[queue], packet, length);

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

    private static int OpenQueue(string name, bool isFirst)
    {
        var fd = SysResult.From(open(Encoding.ASCII.GetBytes(ControlPath + '\0'), OpenReadWrite | OpenNonBlocking | OpenCloseOnExec))
            .OrThrow($"open {ControlPath}", "In a container, mount it from the host and allow the device.");
        InterfaceRequest request = default;
        Encoding.ASCII.GetBytes(name, new Span<byte>(request.Name, 15));
        // The first makes the device: without EXCL it would join one that another process has, and share its packets.
        request.Flags = (ushort)(IffTun | IffNoPi | IffMultiQueue | (isFirst ? IffTunExcl : 0));
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
