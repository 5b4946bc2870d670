using Akka.Actor;
using Gwlbtun.Actors.Lifecycle;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// The retirement of every endpoint, when the handler stops. It is complete when no actor is left, every port is closed, and every DESTROY hook has ended.
/// </summary>
/// <param name="enis">The endpoints. None is added any more.</param>
/// <param name="services">What the tunnel actors work with.</param>
/// <param name="awaitedBy">Who is told, once, that it is complete.</param>
internal sealed class FinalRetirement(IReadOnlyDictionary<ulong, EniEntry> enis, TunnelServices services, IActorRef awaitedBy)
{
    private IActorRef _awaitedBy = awaitedBy;

    public void Begin()
    {
        foreach (var entry in enis.Values)
        {
            if (entry.Actor is not null)
                entry.Actor.Tell(RetireEni.Instance);
            else
            {
                // Between two tunnels, or parked: the DESTROY of the last one may still run.
                AwaitDestroy(entry);
            }
        }

        LookWhetherComplete();
    }

    public void OnActorEnded(EniEntry entry)
    {
        // It failed on its way out: what its CREATE added is being undone, and waited for.
        if (entry.Failure is not null)
            AwaitDestroy(entry);
        else
            entry.LeaveNamespace(services.Logger);
        LookWhetherComplete();
    }

    public void OnDestroyFinished(EniEntry entry)
    {
        entry.AwaitsDestroy = false;
        entry.LeaveNamespace(services.Logger);
        LookWhetherComplete();
    }

    public void LookWhetherComplete()
    {
        if (!enis.Values.All(entry => entry.IsAtRest))
            return;
        _awaitedBy.Tell(new TunnelsRetired());
        _awaitedBy = ActorRefs.Nobody;
    }

    private void AwaitDestroy(EniEntry entry)
    {
        entry.Gate.Refuse(DropReason.EniRetired);
        entry.AwaitsDestroy = true;
        services.Lifecycle.Tell(new RunDestroy(HookSubject.For(entry.Gate, services.Settings.Tunnel.ReturnTraffic)));
    }
}
