using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Gwlbtun.Native.Linux;

/// <summary><c>struct statx</c> (linux/stat.h), as far as it tells one file from another.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct FileStatus
{
    [FieldOffset(32)]
    public ulong Inode;
    [FieldOffset(136)]
    public uint DeviceMajor;
    [FieldOffset(140)]
    public uint DeviceMinor;
}

/// <summary>What tells one file from all others, whatever its name (statx(2)).</summary>
internal sealed unsafe partial record FileIdentity(ulong Inode, uint DeviceMajor, uint DeviceMinor)
{
    private const int AtWorkingDirectory = -100; // AT_FDCWD
    private const int AtEmptyPath = 0x1000;
    private const uint MaskInode = 0x100; // STATX_INO

    /// <summary>That of the file at a path, or null when there is none.</summary>
    public static FileIdentity? Of(string path)
    {
        FileStatus status;
        return Of(SysResult.From(statx(AtWorkingDirectory, path, 0, MaskInode, &status)), status);
    }

    /// <summary>That of an open file, or null when it was closed.</summary>
    public static FileIdentity? Of(SafeFileHandle file)
    {
        try
        {
            FileStatus status;
            return Of(SysResult.From(statx(file, string.Empty, AtEmptyPath, MaskInode, &status)), status);
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    private static FileIdentity? Of(SysResult result, in FileStatus status) =>
        result.IsError ? null : new(status.Inode, status.DeviceMajor, status.DeviceMinor);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int folder, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(SafeFileHandle file, string path, int flags, uint mask, FileStatus* status);
}
