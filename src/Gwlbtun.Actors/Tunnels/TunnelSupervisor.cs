using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Gateway;
using Gwlbtun.Actors.Lifecycle;
using Gwlbtun.Actors.Receiving;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// Owns the tunnel threads, the endpoints' gates and the endpoints' actors. An actor that fails is replaced after a growing wait
/// (<see cref="RestartSettings"/>); the gate with its flow table and what waits at it stays. One that fails too often is parked for a while.
/// </summary>
internal sealed class TunnelSupervisor : ReceiveActor, IWithTimers
{
    private readonly TunnelServices _services;
    private readonly ILogger _logger;
    private readonly Dictionary<ulong, EniEntry> _enis = [];

    private EniRecovery _recovery = null!;
    private ThreadReplacement _threadReplacement = null!;
    private TunnelPorts? _ports;
    private FinalRetirement? _retirement;

    public TunnelSupervisor(TunnelServices services)
    {
        _services = services;
        _logger = services.Logger;

        Receive<StartTunnels>(_ => OnStart());
        Receive<EniSeen>(seen => OnEniSeen(seen.Gate));
        Receive<AttachPort>(attach => OnAttach(attach.Port));
        Receive<ReleasePort>(release => OnRelease(release.Port));
        Receive<ReleaseDone>(OnReleaseDone);
        Receive<EniEnded>(OnEniEnded);
        Receive<RebuildEni>(rebuild => OnRebuild(_enis[rebuild.EniId]));
        Receive<UnparkEni>(unpark => OnUnpark(_enis[unpark.EniId]));
        Receive<SweepParkedEni>(sweep => _recovery.SweepParked(_enis.GetValueOrDefault(sweep.EniId)));
        Receive<EniForgotten>(OnEniForgotten);
        Receive<PortFaulted>(fault => Find(fault.Port)?.Actor?.Forward(fault));
        Receive<LinkChanged>(changed => OnLinkChanged(changed.Link));
        Receive<NamespaceDeleted>(deleted => OnNamespaceDeleted(deleted.Name));
        Receive<LinkEventsLost>(_ => OnLinkEventsLost());
        Receive<TunnelThreadDied>(died => _threadReplacement.NoteDeath(died.Thread, died.Cause));
        Receive<ReplaceThread>(replace => OnReplaceThread((TunnelThread)replace.Dead));
        Receive<ThreadForgotten>(forgotten => forgotten.Thread.Dispose());
        Receive<RetireTunnels>(_ => OnRetireAll());
        Receive<HookFinished>(finished => _retirement!.OnDestroyFinished(_enis[finished.EniId]));
        Receive<StopTunnelThreads>(_ => OnStopThreads());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(TunnelServices services) => Akka.Actor.Props.Create(() => new TunnelSupervisor(services));

    private bool IsRetiring => _retirement is not null;

    /// <summary>
    /// An endpoint's actor that fails is stopped: what it leaves is cleared away first, and another takes its place after a wait.
    /// </summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(
        maxNrOfRetries: -1,
        withinTimeMilliseconds: -1,
        localOnlyDecider: reason =>
        {
            NoteFailure(Sender, reason);
            return Directive.Stop;
        },
        loggingEnabled: false);

    protected override void PreStart()
    {
        var restart = _services.Settings.Restart;
        var clock = Context.System.Scheduler;
        _recovery = new EniRecovery(restart, Timers, clock, _services.Stats, _logger);
        _threadReplacement = new ThreadReplacement(restart, Timers, clock, _logger);
    }

    protected override void PostStop() => _ = _ports?.DisposeAsync().AsTask();

    // ---- start and stop of the threads ----

    private void OnStart()
    {
        try
        {
            _ports ??= new TunnelPorts(_services.DataPlane, Self);
        }
        catch (LinuxException cannotStart)
        {
            Sender.Tell(new StartFailed(cannotStart.Message));
            return;
        }

        if (_ports.UsesBoundSockets)
            _logger.UsesBoundSockets();
        if (_ports.UplinkError is { } error)
            _logger.UplinkNotFollowed(error);
        _services.Stats.Tell(new TunnelThreadsChanged(_ports.Threads, Replaced: null));
        Sender.Tell(new TunnelsStarted());
    }

    private void OnStopThreads() => (_ports?.StopThreadsAsync() ?? Task.CompletedTask).PipeTo(Sender, success: () => new TunnelThreadsStopped());

    // ---- endpoints ----

    private void OnEniSeen(EniGate gate)
    {
        if (IsRetiring)
        {
            gate.Refuse(DropReason.EniRetired);
            return;
        }

        var entry = new EniEntry(gate, new RestartHistory(_services.Settings.Restart, Random.Shared));
        _logger.EniFirstSeen(entry.Name);
        _enis.Add(gate.EniId, entry);
        Spawn(entry, EniState.Creating, problem: null);
    }

    private void Spawn(EniEntry entry, EniState state, string? problem)
    {
        entry.Failure = null;
        entry.IsRebuildDue = false;
        entry.Actor = Context.ActorOf(EniActor.Props(_services, entry.Gate, entry.Restarts), $"eni-{entry.Name}-{entry.Incarnation++}");
        Context.WatchWith(entry.Actor, new EniEnded(entry.Gate.EniId));
        _services.Stats.Tell(entry.State(state, problem));
    }

    private void NoteFailure(IActorRef actor, Exception reason)
    {
        var entry = _enis.Values.FirstOrDefault(entry => actor.Equals(entry.Actor));
        if (entry is null)
            return;
        entry.Failure = reason;
        if (reason is not TunnelFailedException)
            _logger.EniDefect(reason, entry.Name);
    }

    private void OnEniEnded(EniEnded ended)
    {
        var entry = _enis[ended.EniId];
        entry.Actor = null;
        if (_retirement is not null)
            _retirement.OnActorEnded(entry);
        else if (entry.Failure is { } failure)
            _recovery.NoteFailure(entry, failure);
        else
            Remove(entry);
    }

    /// <summary>An idle endpoint's tunnel is gone. When packets have come meanwhile it is made anew, else the endpoint is forgotten.</summary>
    private void Remove(EniEntry entry)
    {
        entry.LeaveNamespace(_logger);
        if (!_services.DataPlane.Registry.TryRemove(entry.Gate))
        {
            Spawn(entry, EniState.Creating, problem: null);
            return;
        }

        _enis.Remove(entry.Gate.EniId);
        _services.Stats.Tell(new ForgetEni(entry.Gate));
    }

    private void OnEniForgotten(EniForgotten forgotten)
    {
        var gate = forgotten.Gate;
        _ = DisposeUnused();

        async Task DisposeUnused()
        {
            await _services.DataPlane.Quiescence.WhenPassedAsync().ConfigureAwait(false);
            gate.Dispose();
        }
    }

    // ---- rebuilding ----

    private void OnUnpark(EniEntry entry)
    {
        if (IsRetiring)
            return;
        _recovery.Unpark(entry);
        OnRebuild(entry);
    }

    private void OnRebuild(EniEntry entry)
    {
        entry.IsRebuildDue = entry.PortsReleasing > 0;
        if (entry.IsRebuildDue || IsRetiring)
            return;
        var reason = entry.Failure!.Message.TrimEnd('.');
        entry.Restarts++;
        Spawn(entry, EniState.Rebuilding, reason);
    }

    // ---- ports ----

    private EniEntry? Find(TunnelPort port) => _enis.GetValueOrDefault(port.Gate.EniId);

    private void OnAttach(TunnelPort port)
    {
        try
        {
            _ports!.Attach(port);
            Sender.Tell(new PortAttached(port));
        }
        catch (LinuxException cannotWatch)
        {
            Sender.Tell(new PortFaulted(port, cannotWatch.Message));
        }
    }

    private void OnRelease(TunnelPort port)
    {
        Find(port)!.PortsReleasing++;
        var owner = Sender;
        _ports!.ReleaseAsync(port).PipeTo(Self, success: () => new ReleaseDone(port, owner), failure: _ => new ReleaseDone(port, owner));
    }

    private void OnReleaseDone(ReleaseDone done)
    {
        done.Owner.Tell(new PortReleased(done.Port));
        var entry = Find(done.Port)!;
        entry.PortsReleasing--;
        if (entry.IsRebuildDue)
            OnRebuild(entry);
        _retirement?.LookWhetherComplete();
    }

    private void OnLinkChanged(LinkEvent link)
    {
        if (link is { Exists: true, IsUp: true } || _ports?.Find(link) is not { } port)
            return;
        Find(port)?.Actor?.Tell(new LinkSuspect(port, link.Name, link.Exists));
    }

    private void OnNamespaceDeleted(string name)
    {
        foreach (var port in _ports!.All)
        {
            if (port.Namespace?.Name == name)
                Find(port)?.Actor?.Tell(new LinkSuspect(port, port.Ingress.Name, Exists: true));
        }
    }

    private void OnLinkEventsLost()
    {
        foreach (var port in _ports!.All)
            Find(port)?.Actor?.Tell(new LinkSuspect(port, port.Ingress.Name, Exists: true));
    }

    // ---- threads ----

    private void OnReplaceThread(TunnelThread dead)
    {
        if (IsRetiring || !_threadReplacement.TryReplace(dead, () => _ports!.Replace(dead)))
            return;
        _services.Stats.Tell(new TunnelThreadsChanged(_ports!.Threads, dead));
        Context.Parent.Tell(CarrierReplaced.Instance);
        _logger.ThreadReplaced(dead.Name);
    }

    // ---- the handler stops ----

    private void OnRetireAll()
    {
        _retirement = new FinalRetirement(_enis, _services, Sender);
        _retirement.Begin();
    }

    private sealed record EniEnded(ulong EniId);

    private sealed record ReleaseDone(TunnelPort Port, IActorRef Owner);
}
