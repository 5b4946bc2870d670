using System.Globalization;

namespace Gwlbtun.Native.Linux;

/// <summary>The kernel's own counters of an interface (Documentation/ABI/testing/sysfs-class-net-statistics).</summary>
public static class InterfaceStatistics
{
    /// <summary>
    /// Packets that the stack sent into the device and that found its queue full (tx_dropped). Read from sysfs, which takes no lock that a
    /// packet or another request could wait for.
    /// </summary>
    /// <param name="device">The interface's name.</param>
    /// <returns>0 also when there is no such device, or no sysfs of this network namespace.</returns>
    public static ulong TransmitDrops(string device)
    {
        try
        {
            return ulong.Parse(File.ReadAllText($"/sys/class/net/{device}/statistics/tx_dropped").AsSpan().Trim(), CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return 0;
        }
    }
}
