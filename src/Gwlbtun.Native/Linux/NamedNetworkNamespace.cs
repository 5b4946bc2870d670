using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// A network namespace with a name, as ip-netns(8) keeps them: bound to a file in <see cref="Folder"/>, so that it lasts without a process in it, and
/// <c>ip netns exec NAME</c> finds it.
/// </summary>
/// <remarks>
/// Threads and programs begin in the namespace of the thread that starts them. So whatever is done inside is done on a thread of its own, which ends with it, and must leave
/// alone what may start a thread in its turn: no log, no message, no task.
/// </remarks>
public sealed unsafe partial class NamedNetworkNamespace : IDisposable
{
    /// <summary>Where the names are (NETNS_RUN_DIR of iproute2).</summary>
    public const string Folder = "/run/netns";

    // <sched.h>, <sys/mount.h>, <fcntl.h>, <linux/nsfs.h>
    internal const int CloneNewNet = 0x40000000;
    internal const uint MountBind = 0x1000;
    internal const uint MountRecursive = 0x4000;
    internal const uint MountShared = 0x100000;
    internal const int UnmountDetach = 2;
    internal const int OpenReadOnly = 0;
    internal const int OpenCreate = 0x40;
    internal const int OpenExclusive = 0x80;
    internal const int OpenCloseOnExec = 0x80000;
    internal const uint GetNamespaceType = 0xb703;

    private const int FolderMode = 0x1ED; // rwxr-xr-x
    private const int StackBytes = 256 * 1024;
    private const string Hint = "CAP_SYS_ADMIN is needed, and /proc, and a writable " + Folder + "; a container's profile must allow mount and setns.";

    /// <summary>The alias of the loopback device of a namespace that gwlbtun made: another run of it may remove what one that was killed has left.</summary>
    private const string Mark = "gwlbtun";

    private readonly SafeFileHandle _handle;
    private readonly SafeFileHandle _deviceTable;

    // The file that bears the name was there before, empty: it may bear one in another mount namespace, too.
    private readonly bool _keepsFile;

    private NamedNetworkNamespace(string name, SafeFileHandle handle, bool keepsFile)
    {
        _keepsFile = keepsFile;
        Name = name;
        _handle = handle;
        // proc(5): the file shows the namespace of the thread that opened it, whichever thread reads it.
        (_deviceTable, IsOurs) = Run(() => (OpenFile("/proc/thread-self/net/dev", OpenReadOnly), RouteNetlink.AliasOf(RouteNetlink.LoopbackIndex) == Mark));
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Whether gwlbtun made it, in this run or in an earlier one.</summary>
    public bool IsOurs { get; }

    /// <summary>
    /// Whether its name still stands for it. Without, nobody else finds it, though the devices in it go on working for as long as they are open.
    /// </summary>
    public bool IsNamed => FileIdentity.Of(PathOf(Name)) is { } named && named == FileIdentity.Of(_handle);

    /// <summary>Opens the namespace of this name. Where there is none, makes one, its loopback device up.</summary>
    /// <exception cref="LinuxException">It cannot be made or entered; says what is needed.</exception>
    public static NamedNetworkNamespace Open(string name)
    {
        PrepareFolder();
        var path = PathOf(name);
        var isThere = File.Exists(path);
        var handle = isThere ? TryOpenNamespace(path) : null;
        return new(name, handle ?? Create(path, isThere), isThere && handle is null);
    }

    /// <summary>Runs <paramref name="action"/> inside, on a thread of its own, and waits for it. It must start nothing; see above.</summary>
    public T Run<T>(Func<T> action) => OnThreadOfItsOwn(() =>
    {
        SysResult.From(setns(_handle, CloneNewNet)).OrThrow($"enter network namespace {Name}", Hint);
        return action();
    });

    /// <summary>Packets that the stack sent into a device inside and that found its queue full; 0 where there is no such device, or no longer the namespace.</summary>
    public ulong TransmitDrops(string device) => InterfaceStatistics.TransmitDrops(_deviceTable, device);

    /// <summary>Takes the name away from a namespace that gwlbtun made; it goes with the last process or device in it. Another's is left as it is.</summary>
    /// <returns>Why the name is still there; success also when it was gone, or stands for another namespace by now.</returns>
    public SysResult Remove()
    {
        if (!IsOurs || !IsNamed)
            return default;
        var path = PathOf(Name);
        var unmounted = SysResult.From(umount2(path, UnmountDetach));
        return unmounted.IsError || _keepsFile ? unmounted : SysResult.From(unlink(path));
    }

    /// <summary>Lets go of it; the name stays.</summary>
    public void Dispose()
    {
        _deviceTable.Dispose();
        _handle.Dispose();
    }

    /// <summary>
    /// Makes the folder a mount that is shared, as <c>ip netns add</c> does: names made here are then seen in other mount namespaces, and one that is deleted there goes
    /// here, too.
    /// </summary>
    /// <exception cref="LinuxException">It cannot be made.</exception>
    internal static void PrepareFolder()
    {
        var made = SysResult.From(mkdir(Folder, FolderMode));
        if (made.Errno != LinuxError.EEXIST)
            made.OrThrow($"make {Folder}", Hint);
        var shared = SysResult.From(mount("none", Folder, null, MountShared | MountRecursive, null));
        if (shared.Errno == LinuxError.EINVAL)
        {
            SysResult.From(mount(Folder, Folder, "none", MountBind | MountRecursive, null)).OrThrow($"make {Folder} a mount point", Hint);
            shared = SysResult.From(mount("none", Folder, null, MountShared | MountRecursive, null));
        }

        shared.OrThrow($"share {Folder}", Hint);
    }

    private static string PathOf(string name) => $"{Folder}/{name}";

    private static SafeFileHandle? TryOpenNamespace(string path)
    {
        var handle = OpenFile(path, OpenReadOnly);
        if (ioctl(handle, GetNamespaceType) == CloneNewNet)
            return handle;
        handle.Dispose();
        // An empty file stands for a namespace whose mount is not seen here: that of a handler in a container that is no more, for one. It can be bound to another.
        return new FileInfo(path).Length == 0
            ? null
            : throw new LinuxException($"use {path} as a network namespace", new LinuxError(LinuxError.EINVAL), "Something else has this name: see tunnel.netns-pattern.");
    }

    private static SafeFileHandle Create(string path, bool isThere)
    {
        if (!isThere)
            OpenFile(path, OpenReadOnly | OpenCreate | OpenExclusive).Dispose();
        try
        {
            OnThreadOfItsOwn(() =>
            {
                SysResult.From(unshare(CloneNewNet)).OrThrow("make a network namespace", Hint);
                RouteNetlink.BringUpLoopback(Mark);
                return SysResult.From(mount("/proc/thread-self/ns/net", path, "none", MountBind, null)).OrThrow($"bind a network namespace to {path}", Hint);
            });
            return OpenFile(path, OpenReadOnly);
        }
        catch
        {
            if (!isThere)
                _ = unlink(path);
            throw;
        }
    }

    private static T OnThreadOfItsOwn<T>(Func<T> action)
    {
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    result = action();
                }
                catch (Exception e)
                {
                    failure = ExceptionDispatchInfo.Capture(e);
                }
            },
            StackBytes)
        {
            IsBackground = true,
            Name = "gwlbtun netns",
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    private static SafeFileHandle OpenFile(string path, int flags) =>
        new(SysResult.From(open(path, flags | OpenCloseOnExec, 0)).OrThrow($"open {path}", Hint), ownsHandle: true);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(SafeFileHandle fd, nuint request);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(SafeFileHandle fd, int type);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mkdir(string path, int mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string source, string target, string? type, nuint flags, void* data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlink(string path);
}
