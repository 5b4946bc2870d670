using Gwlbtun.Native.Linux;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// Has ingress devices refuse IPv6 router advertisements (RFC 4861, section 6.2): no packet of a client may give this host a default route or an address, as it
/// would wherever IPv6 is not forwarded. A hook that wants otherwise runs later.
/// </summary>
internal sealed partial class RouterAdvertisements(ILogger logger)
{
    private const int EvenWhenForwarding = 2;

    private static readonly DeviceSysctl _accept = new("ipv6", "accept_ra");
    private static readonly DeviceSysctl _forwarding = new("ipv6", "forwarding");

    private int _hasFailed;

    /// <summary>Writes <c>accept_ra = 0</c> for the device. That this cannot be done where it is needed is logged once.</summary>
    /// <param name="device">The device.</param>
    /// <param name="network">The network namespace that it is in; null for our own.</param>
    public void Refuse(string device, NamedNetworkNamespace? network)
    {
        if (_accept.Write(device, 0, network, () => Accepted(device)) is { } left && Interlocked.Exchange(ref _hasFailed, 1) == 0)
            CannotRefuse(logger, device, left.Value, left.Error);
    }

    private static int Accepted(string device) => _accept.Read(device) is var accept && (accept == EvenWhenForwarding || _forwarding.Read(device) == 0) ? accept : 0;

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Device} takes router advertisements (accept_ra = {Value}), and that cannot be switched off from here: {Error} A client's packet may change the IPv6 routes of this host. Set net.ipv6.conf.default.accept_ra to 0 on the host, or net.ipv6.conf.all.forwarding to 1.")]
    private static partial void CannotRefuse(ILogger logger, string device, int value, string error);
}
