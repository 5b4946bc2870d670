using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// Capabilities that programs keep which a process that is not root's starts (capabilities(7)). Those that an executable has from its file, by
/// setcap(8), are its own alone: without this a hook could not so much as add a route.
/// </summary>
internal static unsafe partial class AmbientCapabilities
{
    private const uint Version = 0x20080522;
    private const int AmbientSet = 47;
    private const int RaiseAmbient = 2;

    /// <summary>How many capabilities one <see cref="CapabilityData"/> holds; the kernel takes two of them.</summary>
    private const int BitsPerPart = 32;

    /// <summary>
    /// What the calling thread starts from now on may do what the thread itself may. Root's processes have that already. What the kernel refuses, as
    /// seccomp or securebits may have it, the started program lacks, and says so.
    /// </summary>
    public static void PassOn()
    {
        if (Environment.IsPrivilegedProcess)
            return;
        var header = new CapabilityHeader { Version = Version };
        var parts = stackalloc CapabilityData[2];
        if (SysResult.From(capget(&header, parts)).IsError)
            return;

        // Ambient ones must be inheritable first. A service manager may have done both.
        if (((parts[0].Permitted & ~parts[0].Inheritable) | (parts[1].Permitted & ~parts[1].Inheritable)) != 0)
        {
            parts[0].Inheritable |= parts[0].Permitted;
            parts[1].Inheritable |= parts[1].Permitted;
            _ = capset(&header, parts);
        }

        for (var capability = 0; capability < 2 * BitsPerPart; capability++)
        {
            if ((parts[capability / BitsPerPart].Permitted >> capability % BitsPerPart & 1) != 0)
                _ = prctl(AmbientSet, RaiseAmbient, (nuint)capability, 0, 0);
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int capget(CapabilityHeader* header, CapabilityData* parts);

    [LibraryImport("libc")]
    private static partial int capset(CapabilityHeader* header, CapabilityData* parts);

    [LibraryImport("libc")]
    private static partial int prctl(int option, nuint second, nuint third, nuint fourth, nuint fifth);

    /// <summary>struct __user_cap_header_struct of linux/capability.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct CapabilityHeader
    {
        public uint Version;
        public int ThreadId;
    }

    /// <summary>struct __user_cap_data_struct of linux/capability.h: 32 capabilities.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct CapabilityData
    {
        public uint Effective;
        public uint Permitted;
        public uint Inheritable;
    }
}
