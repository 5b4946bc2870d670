using Gwlbtun.Native.Linux;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// Switches reverse path filtering off on ingress devices: inner sources are not reachable through them, so that with it on Linux drops every
/// packet (Documentation/networking/ip-sysctl.rst). systemd-udevd sets it again some 40 ms after a device appears, so once is not enough.
/// </summary>
internal sealed partial class ReversePathFilter(bool isManaged, ILogger logger)
{
    private static readonly DeviceSysctl _filter = new("ipv4", "rp_filter");

    private int _hasFailed;

    /// <summary>
    /// Writes <c>rp_filter = 0</c> for the device. That this cannot be done where it is needed is logged once: in a container /proc/sys is read-only,
    /// and stays so.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="network">The network namespace that it is in; null for our own.</param>
    public void SwitchOff(string device, NamedNetworkNamespace? network)
    {
        if (!isManaged)
            return;
        // The larger one of the device's value and that of all counts.
        if (_filter.Write(device, 0, network, () => Math.Max(_filter.Read(device), _filter.Read("all"))) is { } left && Interlocked.Exchange(ref _hasFailed, 1) == 0)
            CannotSwitchOff(logger, device, left.Value, left.Error);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The reverse path filter of {Device} is on (rp_filter = {Value}) and cannot be switched off from here: {Error} Linux may drop what comes out of gwi devices. Set net.ipv4.conf.all.rp_filter and net.ipv4.conf.default.rp_filter to 0 on the host.")]
    private static partial void CannotSwitchOff(ILogger logger, string device, int value, string error);
}
