using System.Globalization;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>An errno value with its name, as <c>asm-generic/errno.h</c> spells it. Zero means no error.</summary>
public readonly record struct LinuxError(int Number)
{
    /// <summary>EPERM, 1: not permitted (a missing capability, or a firewall rule that refused a send).</summary>
    public const int EPERM = 1;

    /// <summary>ENOENT, 2: no such file.</summary>
    public const int ENOENT = 2;

    /// <summary>EINTR, 4: interrupted by a signal.</summary>
    public const int EINTR = 4;

    /// <summary>EIO, 5: a TUN device that is down answers a write with it.</summary>
    public const int EIO = 5;

    /// <summary>EBADF, 9: not an open file descriptor.</summary>
    public const int EBADF = 9;

    /// <summary>EAGAIN, 11: nothing to read, or no room to write, without blocking.</summary>
    public const int EAGAIN = 11;

    /// <summary>ENOMEM, 12: no memory just now.</summary>
    public const int ENOMEM = 12;

    /// <summary>EACCES, 13: permission denied.</summary>
    public const int EACCES = 13;

    /// <summary>EBUSY, 16: the device or name is held by another.</summary>
    public const int EBUSY = 16;

    /// <summary>EEXIST, 17: exists already.</summary>
    public const int EEXIST = 17;

    /// <summary>ENODEV, 19: no such device.</summary>
    public const int ENODEV = 19;

    /// <summary>EINVAL, 22: an argument that the kernel does not take.</summary>
    public const int EINVAL = 22;

    /// <summary>EBADFD, 77: a TUN file whose device was deleted.</summary>
    public const int EBADFD = 77;

    /// <summary>EMSGSIZE, 90: larger than the route's MTU.</summary>
    public const int EMSGSIZE = 90;

    /// <summary>EADDRINUSE, 98: the port is taken.</summary>
    public const int EADDRINUSE = 98;

    /// <summary>ENOBUFS, 105: no buffer space.</summary>
    public const int ENOBUFS = 105;

    /// <summary>The errno of the calling thread's last failed call through this assembly's imports.</summary>
    public static LinuxError Last => new(Marshal.GetLastPInvokeError());

    /// <summary>The symbol, such as <c>ENOBUFS</c>; <c>errno 200</c> where this table has none.</summary>
    public string Name => Number switch
    {
        0 => "OK",
        EPERM => "EPERM",
        ENOENT => "ENOENT",
        EINTR => "EINTR",
        EIO => "EIO",
        6 => "ENXIO",
        EBADF => "EBADF",
        EAGAIN => "EAGAIN",
        ENOMEM => "ENOMEM",
        EACCES => "EACCES",
        EBUSY => "EBUSY",
        EEXIST => "EEXIST",
        ENODEV => "ENODEV",
        EINVAL => "EINVAL",
        23 => "ENFILE",
        24 => "EMFILE",
        25 => "ENOTTY",
        EBADFD => "EBADFD",
        EMSGSIZE => "EMSGSIZE",
        93 => "EPROTONOSUPPORT",
        95 => "EOPNOTSUPP",
        97 => "EAFNOSUPPORT",
        EADDRINUSE => "EADDRINUSE",
        99 => "EADDRNOTAVAIL",
        100 => "ENETDOWN",
        101 => "ENETUNREACH",
        ENOBUFS => "ENOBUFS",
        111 => "ECONNREFUSED",
        113 => "EHOSTUNREACH",
        _ => string.Create(CultureInfo.InvariantCulture, $"errno {Number}"),
    };

    /// <summary>The system's own sentence for the error.</summary>
    public string Message => Marshal.GetPInvokeErrorMessage(Number);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Message})";
}
