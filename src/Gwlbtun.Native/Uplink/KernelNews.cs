using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Uplink;

/// <summary>
/// Reads what the kernel tells of links, their queues, neighbours, addresses, routes and rules, and withdraws the destinations that it may concern; or has the kernel asked about them anew, where what is known of them can be used so long.
/// The control thread's own.
/// </summary>
internal sealed class KernelNews : IDisposable
{
    // RTNLGRP_LINK, _NEIGH, _TC, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _NEXTHOP (the last from kernel 5.3 on).
    private const uint Groups = 1u << 0 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 6 | 1u << 7 | 1u << 31;

    private const int BufferBytes = 65_536;

    // The destinations are then looked after, and the rest is read in the next turn.
    private const int DatagramsPerTurn = 256;

    private readonly NetlinkSocket _socket;
    private readonly byte[] _buffer = new byte[BufferBytes];

    private KernelNews(NetlinkSocket socket) => _socket = socket;

    public int Handle => _socket.Handle;

    public static KernelNews? TryOpen(out LinuxError error) => NetlinkSocket.TryOpen(Groups, out error) is { } socket ? new(socket) : null;

    /// <summary>Reads what there is.</summary>
    public void Read(IReadOnlyCollection<Destination> destinations, long nowMs)
    {
        for (var i = 0; i < DatagramsPerTurn; i++)
        {
            var received = _socket.Receive(_buffer);
            if (received.Errno == LinuxError.ENOBUFS)
            {
                // Whatever was lost may have concerned any of them.
                foreach (var destination in destinations)
                    destination.Withdraw();
                continue;
            }

            if (received.Errno == LinuxError.EAGAIN)
                return;
            received.OrThrow("read the kernel's notifications");
            NetlinkReader reader = new(_buffer.AsSpan(0, received.Value));
            while (reader.Read())
                Take(reader.Header.Type, reader.Payload, destinations, nowMs);
        }
    }

    public void Dispose() => _socket.Dispose();

    private static void Take(ushort type, ReadOnlySpan<byte> payload, IReadOnlyCollection<Destination> destinations, long nowMs)
    {
        switch (type)
        {
            case NetlinkMessage.NewLink or NetlinkMessage.DeleteLink:
                TakeLink(type, payload, destinations);
                break;
            case NetlinkMessage.NewQdisc or NetlinkMessage.DeleteQdisc:
                TakeQueue(payload, destinations);
                break;
            case NetlinkMessage.NewNeighbour or NetlinkMessage.DeleteNeighbour:
                if (NeighbourMessage.TryParse(payload) is { } neighbour)
                    TakeNeighbour(type, neighbour, destinations, nowMs);
                break;
            case NetlinkMessage.NewRoute or NetlinkMessage.DeleteRoute:
                if (RouteMessage.TryParse(payload) is { IsCloned: false } route)
                    TakeRoute(route, destinations);
                break;
            case NetlinkMessage.NewAddress or NetlinkMessage.DeleteAddress:
                if (AddressMessage.TryParse(payload) is { } address)
                    TakeAddress(type, address, destinations);
                break;
            case NetlinkMessage.NewRule or NetlinkMessage.DeleteRule when RuleMessage.TryParse(payload) is not { ConcernsOutput: true }:
                break;
            case NetlinkMessage.NewRule or NetlinkMessage.DeleteRule or NetlinkMessage.NewNextHop or NetlinkMessage.DeleteNextHop:
                foreach (var destination in destinations)
                    destination.Withdraw();
                break;
        }
    }

    private static void TakeLink(ushort type, ReadOnlySpan<byte> payload, IReadOnlyCollection<Destination> destinations)
    {
        // TUN devices come and go by the thousand, and a bridge port tells of its bridge: neither is where a hop leaves.
        if (!NetlinkAttributes.TryOpen(payload, out InterfaceInfo info, out _) || info.Family != 0 || info.Type == LinkMessage.Bare)
            return;
        LinkMessage? link = null;
        foreach (var destination in destinations)
        {
            if (destination.Resolution.InterfaceIndex == info.Index)
            {
                link ??= type == NetlinkMessage.NewLink ? LinkMessage.TryParse(payload) : null;
                // Most notifications tell of what does not matter to us, a queue's length, a carrier that stays; or of its features, which they do not name.
                if (link is null || link != destination.Resolution.Link)
                    destination.Withdraw();
                else
                    destination.IsOutdated = true;
            }
            else if (type == NetlinkMessage.NewLink)
            {
                // Another uplink that comes to life may be the better one, which no route tells of: the present one is good as long.
                destination.IsOutdated = true;
            }
        }
    }

    private static void TakeQueue(ReadOnlySpan<byte> payload, IReadOnlyCollection<Destination> destinations)
    {
        if (!NetlinkAttributes.TryOpen(payload, out TrafficControlInfo info, out _))
            return;
        foreach (var destination in destinations)
            destination.IsOutdated |= destination.Resolution.InterfaceIndex == info.Index;
    }

    private static void TakeNeighbour(ushort type, NeighbourMessage neighbour, IReadOnlyCollection<Destination> destinations, long nowMs)
    {
        var isUsable = type == NetlinkMessage.NewNeighbour && Resolution.IsUsable(neighbour);
        foreach (var destination in destinations)
        {
            if (destination.Resolution.InterfaceIndex != neighbour.InterfaceIndex || destination.Resolution.Neighbour != neighbour.Address)
                continue;
            if (destination.Hop is not { } hop)
                destination.IsOutdated |= isUsable;
            else if (isUsable && hop.DestinationHardwareAddress == neighbour.HardwareAddress)
                destination.Follow(neighbour.State, nowMs);
            else
                destination.Withdraw();
        }
    }

    private static void TakeRoute(RouteMessage route, IReadOnlyCollection<Destination> destinations)
    {
        foreach (var destination in destinations)
        {
            // The source address too is looked up in the routes: it must be one of ours.
            if (route.Covers(destination.Address) || route.Covers(destination.Source))
                destination.Withdraw();
        }
    }

    private static void TakeAddress(ushort type, AddressMessage address, IReadOnlyCollection<Destination> destinations)
    {
        foreach (var destination in destinations)
        {
            if (destination.Source == address.Address || destination.Resolution.InterfaceIndex == address.InterfaceIndex)
                destination.Withdraw();
            else if (type == NetlinkMessage.DeleteAddress)
            {
                // With it go the routes that prefer it as their source, on whatever interface, which not every kernel tells of.
                destination.IsOutdated = true;
            }
        }
    }
}
