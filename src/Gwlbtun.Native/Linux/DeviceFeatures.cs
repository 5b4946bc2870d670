using System.Runtime.InteropServices;
using System.Text;

namespace Gwlbtun.Native.Linux;

/// <summary>What an interface takes off the kernel, as <c>ethtool -k</c> lists it (SIOCETHTOOL, linux/ethtool.h).</summary>
internal static unsafe partial class DeviceFeatures
{
    /// <summary>UDP super-packets are sent whole, and taken apart by the device or not at all.</summary>
    public const string UdpSegmentation = "tx-udp-segmentation";

    /// <summary>Packets of any protocol are sent without their checksum, which is left to the device. Without it the kernel takes super-packets apart as well.</summary>
    public const string Checksums = "tx-checksum-ip-generic";

    private const uint Ethtool = 0x8946; // SIOCETHTOOL
    private const uint GetSetInfo = 0x37;
    private const uint GetStrings = 0x1b;
    private const uint GetFeatures = 0x3a;
    private const int FeatureNames = 4; // ETH_SS_FEATURES
    private const int NameBytes = 32; // ETH_GSTRING_LEN
    private const int FeaturesPerBlock = 32;

    /// <summary>Whether features are on, in the network namespace of the calling thread. False also when the kernel does not say.</summary>
    /// <param name="device">The interface.</param>
    /// <param name="features">The features' names.</param>
    public static bool AreOn(string device, params ReadOnlySpan<string> features)
    {
        var opened = SocketOption.TryOpen(SocketOption.AfInet, SocketOption.SockDgram, 0);
        if (opened.IsError)
            return false;
        try
        {
            return AreOn(opened.Value, device, features);
        }
        finally
        {
            FileDescriptor.Close(opened.Value);
        }
    }

    private static bool AreOn(int socket, string device, ReadOnlySpan<string> features)
    {
        var count = CountNames(socket, device);
        var names = new byte[sizeof(FeatureStrings) + (count * NameBytes)];
        MemoryMarshal.Write(names, new FeatureStrings { Command = GetStrings, Set = FeatureNames, Count = (uint)count });
        var blocks = (count + FeaturesPerBlock - 1) / FeaturesPerBlock;
        var states = new byte[sizeof(FeatureStates) + (blocks * sizeof(FeatureBlock))];
        MemoryMarshal.Write(states, new FeatureStates { Command = GetFeatures, Size = (uint)blocks });
        if (count == 0 || !Ask(socket, device, names) || !Ask(socket, device, states))
            return false;
        foreach (var feature in features)
        {
            if (!IsOn(feature, count, names, states))
                return false;
        }

        return true;
    }

    private static bool IsOn(string feature, int count, ReadOnlySpan<byte> names, ReadOnlySpan<byte> states)
    {
        var index = 0;
        while (index < count && !IsName(names.Slice(sizeof(FeatureStrings) + (index * NameBytes), NameBytes), feature))
            index++;
        if (index == count)
            return false;
        var block = MemoryMarshal.Read<FeatureBlock>(states[(sizeof(FeatureStates) + (index / FeaturesPerBlock * sizeof(FeatureBlock)))..]);
        return (block.Active >> (index % FeaturesPerBlock) & 1) != 0;
    }

    private static int CountNames(int socket, string device)
    {
        var info = new byte[sizeof(StringSetInfo)];
        MemoryMarshal.Write(info, new StringSetInfo { Command = GetSetInfo, Sets = 1ul << FeatureNames });
        return Ask(socket, device, info) && MemoryMarshal.Read<StringSetInfo>(info).Sets != 0 ? (int)MemoryMarshal.Read<StringSetInfo>(info).Count : 0;
    }

    private static bool IsName(ReadOnlySpan<byte> name, string expected) =>
        name.IndexOf((byte)0) is var end && Encoding.ASCII.GetString(end < 0 ? name : name[..end]) == expected;

    // The answer replaces the question.
    private static bool Ask(int socket, string device, byte[] question)
    {
        if (device.Length >= InterfaceDataRequest.NameBytes)
            return false;
        fixed (byte* data = question)
        {
            InterfaceDataRequest request = new() { Data = data };
            Encoding.ASCII.GetBytes(device, new Span<byte>(request.Name, InterfaceDataRequest.NameBytes - 1));
            return !SysResult.From(ioctl(socket, Ethtool, &request)).IsError;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, void* argument);
}

/// <summary><c>struct ifreq</c> (net/if.h), with a pointer behind the name.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal unsafe struct InterfaceDataRequest
{
    public const int NameBytes = 16; // IFNAMSIZ

    public fixed byte Name[NameBytes];
    public byte* Data;
}

/// <summary><c>struct ethtool_sset_info</c> with one number behind it: how many names the set has.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct StringSetInfo
{
    public uint Command;
    public uint Reserved;
    public ulong Sets;
    public uint Count;
    public uint Padding;
}

/// <summary><c>struct ethtool_gstrings</c>; the names follow.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FeatureStrings
{
    public uint Command;
    public uint Set;
    public uint Count;
}

/// <summary><c>struct ethtool_gfeatures</c>; the blocks follow.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FeatureStates
{
    public uint Command;
    public uint Size;
}

/// <summary><c>struct ethtool_get_features_block</c>: 32 features, a bit each.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FeatureBlock
{
    public uint Available;
    public uint Requested;
    public uint Active;
    public uint NeverChanged;
}
