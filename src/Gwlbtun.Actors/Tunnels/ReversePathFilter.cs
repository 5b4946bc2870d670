using Gwlbtun.Native.Linux;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// Switches reverse path filtering off on ingress devices: inner sources are not reachable through them, so that with it on Linux drops every
/// packet (Documentation/networking/ip-sysctl.rst). systemd-udevd sets it again some 40 ms after a device appears, so once is not enough.
/// </summary>
internal sealed partial class ReversePathFilter(bool isManaged, ILogger logger)
{
    private int _hasFailed;

    /// <summary>Writes <c>rp_filter = 0</c> for the device. A failure is logged once: in a container /proc/sys is read-only, and stays so.</summary>
    /// <param name="device">The device.</param>
    /// <param name="network">The network namespace that it is in; null for our own.</param>
    public void SwitchOff(string device, NamedNetworkNamespace? network)
    {
        if (!isManaged)
            return;
        var path = $"/proc/sys/net/ipv4/conf/{device}/rp_filter";
        // /proc/sys/net is that of the thread's network namespace.
        var failure = network is null ? Write(path) : network.Run(() => Write(path));
        // Gone already: the device's own fault says so.
        if (failure is null or FileNotFoundException or DirectoryNotFoundException)
            return;
        if (Interlocked.Exchange(ref _hasFailed, 1) == 0)
            CannotSwitchOff(logger, path, failure.Message);
    }

    private static Exception? Write(string path)
    {
        try
        {
            File.WriteAllText(path, "0");
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Cannot write {Path}: {Error}. If packets vanish behind gwi devices, set rp_filter=0 on the host (tunnel.manage-rp-filter).")]
    private static partial void CannotSwitchOff(ILogger logger, string path, string error);
}
