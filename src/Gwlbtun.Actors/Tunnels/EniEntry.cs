using Akka.Actor;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Wire;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>What <see cref="TunnelSupervisor"/> knows of one endpoint, over all the actors that it has had.</summary>
internal sealed class EniEntry(EniGate gate, RestartHistory history)
{
    public EniGate Gate { get; } = gate;

    /// <summary>The ENI as users know it.</summary>
    public string Name { get; } = EniName.Hex17(gate.EniId);

    public RestartHistory History { get; } = history;

    /// <summary>Forgets its idle flows while no actor of its own does; null when return traffic is off.</summary>
    public FlowSweep? Sweep { get; } = gate.Matcher is null ? null : new(gate.Sweep);

    /// <summary>The endpoint's actor; null while it waits to be rebuilt, and when it is parked or about to go.</summary>
    public IActorRef? Actor { get; set; }

    /// <summary>How many actors it has had.</summary>
    public int Incarnation { get; set; }

    /// <summary>How often its tunnel was rebuilt after a failure.</summary>
    public int Restarts { get; set; }

    /// <summary>Why its actor is failing; null when it ends as it should.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Ports that are being closed; no new one is opened meanwhile, since devices of the same name would be the same devices.</summary>
    public int PortsReleasing { get; set; }

    /// <summary>The wait before the rebuild is over, and only ports have yet to close.</summary>
    public bool IsRebuildDue { get; set; }

    /// <summary>The handler stops, and its DESTROY hook, for want of an actor, is the supervisor's to wait for.</summary>
    public bool AwaitsDestroy { get; set; }

    /// <summary>Nothing of it is in motion any more.</summary>
    public bool IsAtRest => Actor is null && PortsReleasing == 0 && !AwaitsDestroy;

    /// <summary>Removes the endpoint's network namespace, if it has one that gwlbtun made. No device and no hook of the endpoint may need it any more.</summary>
    public void LeaveNamespace(ILogger logger)
    {
        if (Gate.Namespace is { } network && Gate.LeaveNamespace() is { IsError: true } left)
            logger.NamespaceNotRemoved(Name, network.Name, left.Error);
    }

    public EniStateChanged State(EniState state, string? problem) => new(Gate, state, problem, Restarts);
}
