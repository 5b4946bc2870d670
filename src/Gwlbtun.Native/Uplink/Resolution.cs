using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Uplink;

/// <summary>What the kernel said of a destination, as far as it got: also without a hop, so that it is known which news concern it.</summary>
/// <param name="Link">The interface that the route names, as it was.</param>
/// <param name="InterfaceIndex">Its index; 0 without a route.</param>
/// <param name="Neighbour">The gateway, or the destination itself when it is on the link; 0 without a route.</param>
/// <param name="NeighbourState">NUD_*; 0 when the kernel has no entry.</param>
/// <param name="Hop">Null when packets are to go through the raw socket.</param>
internal sealed record Resolution(LinkMessage? Link, int InterfaceIndex, uint Neighbour, ushort NeighbourState, NextHop? Hop)
{
    private const ushort UsableStates =
        NeighbourMessage.Reachable | NeighbourMessage.Stale | NeighbourMessage.Delay | NeighbourMessage.Probe | NeighbourMessage.Permanent;

    private const uint UpAndRunning = LinkMessage.Up | LinkMessage.Running;

    public static Resolution None { get; } = new(null, 0, 0, 0, null);

    /// <summary>Asks the kernel for route, interface and neighbour.</summary>
    public static Resolution Of(Destination destination, RouteQueries queries)
    {
        var route = queries.FindRoute(destination.Address, destination.Source);
        if (route is null || route.Type != RouteMessage.Unicast || !route.IsPlain || route.InterfaceIndex == 0)
            return None with { InterfaceIndex = route?.InterfaceIndex ?? 0 };

        var address = route.Gateway != 0 ? route.Gateway : destination.Address;
        var resolution = None with { InterfaceIndex = route.InterfaceIndex, Neighbour = address, Link = queries.FindLink(route.InterfaceIndex) };
        if (resolution.Link is not { } link || !IsUsable(link) || queries.FindNeighbour(link.Index, address) is not { } neighbour)
            return resolution;

        resolution = resolution with { NeighbourState = neighbour.State };
        if (!IsUsable(neighbour))
            return resolution;
        // No packet is longer than IPv4's length field says, whatever a device would take.
        var mtu = Math.Min(ushort.MaxValue, route.Mtu == 0 ? link.Mtu : Math.Min(link.Mtu, route.Mtu));
        return resolution with { Hop = new(link.Index, mtu, link.HardwareAddress, neighbour.HardwareAddress, SuperPacketFates.Of(link)) };
    }

    public static bool IsUsable(NeighbourMessage neighbour) => (neighbour.State & UsableStates) != 0 && neighbour.HardwareAddress != 0;

    private static bool IsUsable(LinkMessage link) =>
        link.Type == LinkMessage.Ethernet && (link.Flags & (UpAndRunning | LinkMessage.Loopback)) == UpAndRunning && link.HardwareAddress != 0;
}
