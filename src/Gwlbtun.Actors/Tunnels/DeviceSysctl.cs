using System.Globalization;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>One of the settings that Linux has for every device (Documentation/networking/ip-sysctl.rst).</summary>
/// <param name="Family">ipv4 or ipv6.</param>
/// <param name="Name">Its name.</param>
internal readonly record struct DeviceSysctl(string Family, string Name)
{
    /// <summary>Writes a device's value.</summary>
    /// <param name="device">The device.</param>
    /// <param name="value">The value.</param>
    /// <param name="network">The network namespace that it is in; null for our own.</param>
    /// <param name="counts">Reads the value that counts, should this one not be written; 0: it does not matter.</param>
    /// <returns>Null when it is written, when there is no such setting (the device is gone, or the kernel lacks IPv6), or when it does not matter. Else the value that counts, and why it could not be written.</returns>
    public (int Value, string Error)? Write(string device, int value, NamedNetworkNamespace? network, Func<int> counts)
    {
        var path = PathOf(device);
        // /proc/sys/net is that of the thread's network namespace.
        return network is null ? Write() : network.Run(Write);

        (int Value, string Error)? Write()
        {
            try
            {
                File.WriteAllText(path, value.ToString(CultureInfo.InvariantCulture));
                return null;
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                return null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return counts() is > 0 and var left ? (left, e.Message) : null;
            }
        }
    }

    /// <summary>A device's value; 0 when it is gone.</summary>
    public int Read(string device)
    {
        try
        {
            return int.Parse(File.ReadAllText(PathOf(device)), CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private string PathOf(string device) => $"/proc/sys/net/{Family}/conf/{device}/{Name}";
}
