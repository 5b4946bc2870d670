using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>What <see cref="TunnelSupervisor"/> understands.</summary>
public interface ITunnelMessage;

/// <summary>Start the tunnel threads. The sender gets <see cref="TunnelsStarted"/> or <see cref="Gateway.StartFailed"/>.</summary>
public sealed record StartTunnels : ITunnelMessage;

/// <summary>The tunnel threads run; endpoints may come.</summary>
public sealed record TunnelsStarted;

/// <summary>
/// Retire every tunnel, DESTROY hooks included, and admit no endpoint any more. The sender gets <see cref="TunnelsRetired"/>.
/// </summary>
public sealed record RetireTunnels : ITunnelMessage;

/// <summary>No tunnel is left.</summary>
public sealed record TunnelsRetired;

/// <summary>End the tunnel threads. The sender gets <see cref="TunnelThreadsStopped"/>.</summary>
public sealed record StopTunnelThreads : ITunnelMessage;

/// <summary>No tunnel thread runs any more.</summary>
public sealed record TunnelThreadsStopped;

/// <summary>The first packet of an endpoint waits at its gate.</summary>
internal sealed record EniSeen(EniGate Gate) : ITunnelMessage;

/// <summary>A device failed under a data thread. Passed on to the endpoint's actor.</summary>
internal sealed record PortFaulted(TunnelPort Port, string Reason) : ITunnelMessage, IEniMessage;

/// <summary>A tunnel thread ended with an exception.</summary>
internal sealed record TunnelThreadDied(TunnelThread Thread, Exception Cause) : ITunnelMessage;

/// <summary>An interface changed, in this network namespace or in one of an endpoint's own.</summary>
internal sealed record LinkChanged(LinkEvent Link) : ITunnelMessage;

/// <summary>Link events were lost: every device is to be looked at.</summary>
internal sealed record LinkEventsLost : ITunnelMessage
{
    public static readonly LinkEventsLost Instance = new();
}

/// <summary>The name of a network namespace was deleted.</summary>
internal sealed record NamespaceDeleted(string Name) : ITunnelMessage;

/// <summary>From an endpoint's actor: have the port's devices read. The sender gets <see cref="PortAttached"/>.</summary>
internal sealed record AttachPort(TunnelPort Port) : ITunnelMessage;

/// <summary>From an endpoint's actor: close the port as soon as no thread uses it. The sender gets <see cref="PortReleased"/>.</summary>
internal sealed record ReleasePort(TunnelPort Port) : ITunnelMessage;
