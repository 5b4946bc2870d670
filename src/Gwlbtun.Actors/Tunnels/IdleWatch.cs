using Akka.Actor;
using Gwlbtun.Actors.Lifecycle;
using Gwlbtun.Native.Forwarding;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>Has an endpoint's actor told when no packet has passed in either direction for <c>tunnel.idle-timeout</c>.</summary>
internal sealed class IdleWatch(TunnelServices services, EniGate gate)
{
    /// <summary>Whether it is still idle when that message arrives: a packet may have come while it was under way.</summary>
    public bool IsIdle =>
        Environment.TickCount64 - gate.Counters.LastActivityMs > services.Settings.Tunnel.IdleTimeout.TotalMilliseconds;

    /// <summary>Watches from now on, also when no packet has passed since. The actor gets <see cref="EndpointIdle"/>, once.</summary>
    public void Start(IActorRef actor)
    {
        var counters = gate.Counters;
        var since = Environment.TickCount64;
        services.Lifecycle.Tell(new WatchIdle(
            gate.EniId, actor, () => TimeSpan.FromMilliseconds(Environment.TickCount64 - Math.Max(since, counters.LastActivityMs))));
    }

    public void Stop() => services.Lifecycle.Tell(new UnwatchIdle(gate.EniId));
}
