using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Gateway;
using Gwlbtun.Actors.Lifecycle;
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
    private readonly RestartSettings _restart;
    private readonly ILogger _logger;
    private readonly Dictionary<ulong, EniEntry> _enis = [];
    private readonly Dictionary<int, RestartHistory> _threadHistories = [];

    private TunnelPorts? _ports;
    private IActorRef? _retirementAwaitedBy;

    public TunnelSupervisor(TunnelServices services)
    {
        _services = services;
        _restart = services.Settings.Restart;
        _logger = services.Logger;

        Receive<StartTunnels>(_ => OnStart());
        Receive<EniSeen>(seen => OnEniSeen(seen.Gate));
        Receive<AttachPort>(attach => OnAttach(attach.Port));
        Receive<ReleasePort>(release => OnRelease(release.Port));
        Receive<ReleaseDone>(OnReleaseDone);
        Receive<EniEnded>(OnEniEnded);
        Receive<Rebuild>(rebuild => OnRebuild(_enis[rebuild.EniId]));
        Receive<Unpark>(unpark => OnUnpark(_enis[unpark.EniId]));
        Receive<SweepParked>(sweep => OnSweepParked(_enis.GetValueOrDefault(sweep.EniId)));
        Receive<EniForgotten>(OnEniForgotten);
        Receive<PortFaulted>(fault => Find(fault.Port)?.Actor?.Forward(fault));
        Receive<LinkChanged>(changed => OnLinkChanged(changed.Link));
        Receive<LinkEventsLost>(_ => OnLinkEventsLost());
        Receive<TunnelThreadDied>(OnThreadDied);
        Receive<ReplaceThread>(replace => OnReplaceThread(replace.Dead));
        Receive<ThreadForgotten>(forgotten => forgotten.Thread.Dispose());
        Receive<RetireTunnels>(_ => OnRetireAll());
        Receive<HookFinished>(OnDestroyFinished);
        Receive<StopTunnelThreads>(_ => OnStopThreads());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(TunnelServices services) => Akka.Actor.Props.Create(() => new TunnelSupervisor(services));

    private bool IsRetiring => _retirementAwaitedBy is not null;

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

        var eni = EniName.Hex17(gate.EniId);
        _logger.EniFirstSeen(eni);
        var entry = new EniEntry(gate, new RestartHistory(_restart, Random.Shared));
        _enis.Add(gate.EniId, entry);
        Spawn(entry, EniState.Creating, problem: null);
    }

    private void Spawn(EniEntry entry, EniState state, string? problem)
    {
        entry.Failure = null;
        entry.IsRebuildDue = false;
        entry.Actor = Context.ActorOf(
            EniActor.Props(_services, entry.Gate, entry.Restarts), $"eni-{EniName.Hex17(entry.Gate.EniId)}-{entry.Incarnation++}");
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
            _logger.EniDefect(reason, EniName.Hex17(entry.Gate.EniId));
    }

    private void OnEniEnded(EniEnded ended)
    {
        var entry = _enis[ended.EniId];
        entry.Actor = null;
        if (IsRetiring)
        {
            // It failed on its way out: what its CREATE added is being undone, and waited for.
            if (entry.Failure is not null)
                AwaitDestroy(entry);
            LookWhetherAllRetired();
        }
        else if (entry.Failure is { } failure)
            OnFailed(entry, failure);
        else
            Remove(entry);
    }

    /// <summary>An idle endpoint's tunnel is gone. When packets have come meanwhile it is made anew, else the endpoint is forgotten.</summary>
    private void Remove(EniEntry entry)
    {
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

    // ---- failure and rebuilding ----

    private void OnFailed(EniEntry entry, Exception failure)
    {
        var eni = EniName.Hex17(entry.Gate.EniId);
        var reason = failure.Message.TrimEnd('.');
        var wait = entry.History.Note(Context.System.Scheduler.Now, out var isExhausted);
        if (failure is CreateHookFailedException || isExhausted)
        {
            if (isExhausted)
                reason = $"{reason} (failure {entry.History.Failures} within {_restart.Window.TotalSeconds} s)";
            Park(entry, reason);
            return;
        }

        _services.Stats.Tell(entry.State(EniState.Rebuilding, reason));
        Timers.StartSingleTimer((nameof(Rebuild), entry.Gate.EniId), new Rebuild(entry.Gate.EniId), wait);
        var milliseconds = (long)wait.TotalMilliseconds;
        _logger.TunnelFailed(eni, reason, milliseconds, entry.History.Failures, _restart.MaxTries, _restart.Window.TotalSeconds);
    }

    /// <summary>Drops the endpoint's packets, for a time that gives whoever is at fault a chance.</summary>
    private void Park(EniEntry entry, string reason)
    {
        var eni = EniName.Hex17(entry.Gate.EniId);
        entry.Gate.Refuse(DropReason.EniParked);
        ScheduleSweep(entry, FlowSweep.BetweenRounds);
        _services.Stats.Tell(entry.State(EniState.Parked, reason));
        if (_restart.ParkTimeout == TimeSpan.Zero)
        {
            _logger.EniParked(eni, reason);
            return;
        }

        Timers.StartSingleTimer((nameof(Unpark), entry.Gate.EniId), new Unpark(entry.Gate.EniId), _restart.ParkTimeout);
        _logger.EniParkedFor(eni, _restart.ParkTimeout.TotalSeconds, reason);
    }

    /// <summary>A parked endpoint has no actor that would forget its idle flows, and what it keeps is missing to the others.</summary>
    private void OnSweepParked(EniEntry? entry)
    {
        if (entry is { Actor: null, Sweep: { } sweep })
            ScheduleSweep(entry, sweep.Slice(Environment.TickCount64));
    }

    private void ScheduleSweep(EniEntry entry, TimeSpan wait) =>
        Timers.StartSingleTimer((nameof(SweepParked), entry.Gate.EniId), new SweepParked(entry.Gate.EniId), wait);

    private void OnUnpark(EniEntry entry)
    {
        if (IsRetiring)
            return;
        entry.History.Clear();
        entry.Gate.Hold();
        _logger.EniUnparked(EniName.Hex17(entry.Gate.EniId));
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
        LookWhetherAllRetired();
    }

    private void OnLinkChanged(LinkEvent link)
    {
        if (link is { Exists: true, IsUp: true } || _ports?.Find(link.InterfaceIndex) is not { } port)
            return;
        Find(port)?.Actor?.Tell(new LinkSuspect(port, link.Name, link.Exists));
    }

    private void OnLinkEventsLost()
    {
        foreach (var (port, device) in _ports!.Devices)
            Find(port)?.Actor?.Tell(new LinkSuspect(port, device.Name, Exists: true));
    }

    // ---- threads ----

    private void OnThreadDied(TunnelThreadDied died)
    {
        if (!_threadHistories.TryGetValue(died.Thread.Index, out var history))
            _threadHistories.Add(died.Thread.Index, history = new RestartHistory(_restart, Random.Shared));
        var wait = history.Note(Context.System.Scheduler.Now, out _);
        Timers.StartSingleTimer((nameof(ReplaceThread), died.Thread.Index), new ReplaceThread(died.Thread), wait);
        _logger.ThreadDied(died.Cause, died.Thread.Name, (long)wait.TotalMilliseconds);
    }

    private void OnReplaceThread(TunnelThread dead)
    {
        if (IsRetiring)
            return;
        try
        {
            _ports!.Replace(dead);
        }
        catch (LinuxException cannotStart)
        {
            var wait = _threadHistories[dead.Index].Note(Context.System.Scheduler.Now, out _);
            _logger.ThreadNotReplaced(dead.Name, cannotStart.Message, (long)wait.TotalMilliseconds);
            Timers.StartSingleTimer((nameof(ReplaceThread), dead.Index), new ReplaceThread(dead), wait);
            return;
        }

        _services.Stats.Tell(new TunnelThreadsChanged(_ports.Threads, dead));
        _logger.ThreadReplaced(dead.Name);
    }

    // ---- the handler stops ----

    private void OnRetireAll()
    {
        _retirementAwaitedBy = Sender;
        foreach (var entry in _enis.Values)
        {
            if (entry.Actor is not null)
            {
                entry.Actor.Tell(RetireEni.Instance);
                continue;
            }

            // Between two tunnels, or parked: the DESTROY of the last one may still run.
            AwaitDestroy(entry);
        }

        LookWhetherAllRetired();
    }

    private void AwaitDestroy(EniEntry entry)
    {
        entry.Gate.Refuse(DropReason.EniRetired);
        entry.AwaitsDestroy = true;
        _services.Lifecycle.Tell(new RunDestroy(HookSubject.For(entry.Gate.EniId, _services.Settings.Tunnel.ReturnTraffic)));
    }

    private void OnDestroyFinished(HookFinished finished)
    {
        _enis[finished.EniId].AwaitsDestroy = false;
        LookWhetherAllRetired();
    }

    private void LookWhetherAllRetired()
    {
        if (_retirementAwaitedBy is null || !_enis.Values.All(entry => entry.IsAtRest))
            return;
        _retirementAwaitedBy.Tell(new TunnelsRetired());
        _retirementAwaitedBy = ActorRefs.Nobody;
    }

    private sealed record EniEnded(ulong EniId);

    private sealed record Rebuild(ulong EniId);

    private sealed record Unpark(ulong EniId);

    private sealed record SweepParked(ulong EniId);

    private sealed record ReleaseDone(TunnelPort Port, IActorRef Owner);

    private sealed record ReplaceThread(TunnelThread Dead);
}
