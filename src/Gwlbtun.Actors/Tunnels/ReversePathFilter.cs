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
    public void SwitchOff(string device)
    {
        if (!isManaged)
            return;
        var path = $"/proc/sys/net/ipv4/conf/{device}/rp_filter";
        try
        {
            File.WriteAllText(path, "0");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone already: the device's own fault says so.
            if (e is FileNotFoundException or DirectoryNotFoundException)
                return;
            if (Interlocked.Exchange(ref _hasFailed, 1) == 0)
                CannotSwitchOff(logger, path, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Cannot write {Path}: {Error}. If packets vanish behind gwi devices, set rp_filter=0 on the host (tunnel.manage-rp-filter).")]
    private static partial void CannotSwitchOff(ILogger logger, string path, string error);
}
