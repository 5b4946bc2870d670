using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Gateway;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>What the tunnel actors work with.</summary>
/// <param name="Settings">The configuration.</param>
/// <param name="DataPlane">What moves packets.</param>
/// <param name="Lifecycle">Runs hooks and watches for idleness.</param>
/// <param name="Stats">Is told of states.</param>
/// <param name="Logger">The section's logger.</param>
internal sealed record TunnelServices(GatewaySettings Settings, DataPlane DataPlane, IActorRef Lifecycle, IActorRef Stats, ILogger Logger)
{
    /// <summary>
    /// Where devices are made: one after the other, as the kernel's lock on network configuration has it anyway, so that many new endpoints at once
    /// block one thread of the pool and not all of them.
    /// </summary>
    public TaskFactory Devices { get; } = new(new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler);

    public ReversePathFilter ReversePathFilter { get; } = new(Settings.Tunnel.ManageRpFilter, Logger);

    public RouterAdvertisements RouterAdvertisements { get; } = new(Logger);
}
