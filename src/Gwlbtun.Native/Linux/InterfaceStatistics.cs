using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Gwlbtun.Native.Linux;

/// <summary>
/// The kernel's own counters of an interface (Documentation/ABI/testing/sysfs-class-net-statistics, proc(5)). Read from files, which takes no lock that a packet or another
/// request could wait for.
/// </summary>
public static class InterfaceStatistics
{
    // The columns of /proc/net/dev: the name, eight counters of receiving, then bytes, packets, errors and drops of sending.
    private const int NameColumn = 0;
    private const int TransmitDropsColumn = 12;

    /// <summary>Packets that the stack sent into the device and that found its queue full (tx_dropped).</summary>
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

    /// <summary>The same for another network namespace than that which sysfs shows.</summary>
    /// <param name="deviceTable">That namespace's /proc/net/dev, opened.</param>
    /// <param name="device">The interface's name.</param>
    /// <returns>0 also when there is no such device, or the file is closed.</returns>
    internal static ulong TransmitDrops(SafeFileHandle deviceTable, string device)
    {
        try
        {
            foreach (var line in ReadAll(deviceTable).Split('\n'))
            {
                var columns = line.Split((char[])[' ', ':'], StringSplitOptions.RemoveEmptyEntries);
                if (columns.Length > TransmitDropsColumn && columns[NameColumn] == device)
                    return ulong.Parse(columns[TransmitDropsColumn], CultureInfo.InvariantCulture);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // gone with its namespace
        }

        return 0;
    }

    private static string ReadAll(SafeFileHandle file)
    {
        var buffer = new byte[Environment.SystemPageSize];
        var length = 0;
        for (int read; (read = RandomAccess.Read(file, buffer.AsSpan(length), length)) > 0;)
        {
            length += read;
            if (length == buffer.Length)
                Array.Resize(ref buffer, 2 * length);
        }

        return Encoding.ASCII.GetString(buffer.AsSpan(0, length));
    }
}
