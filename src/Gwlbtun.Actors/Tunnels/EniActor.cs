using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Lifecycle;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// Owns one endpoint's device pair, from its making to its end: settles what a former pair left behind, makes room for flows, opens the devices,
/// has the CREATE hook run, opens the gate to the packets that wait, and sweeps the flow table. When a device fails it throws, and its supervisor builds another in its place;
/// when it is idle or the handler stops, it retires: gate, DESTROY hook, devices, in this order.
/// </summary>
/// <remarks>
/// Settling → Opening → Creating → OpeningGate → Live → Retiring. Every wait is for someone who always answers: LifecycleActor (hooks end at their time-out),
/// a task of our own, or the supervisor.
/// </remarks>
internal sealed class EniActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan _udevSettles = TimeSpan.FromMilliseconds(250);

    /// <summary>For what Linux still holds when receiving has stopped, such as packets in the egress device's queue.</summary>
    private static readonly TimeSpan _flushTime = TimeSpan.FromMilliseconds(50);

    private readonly TunnelServices _services;
    private readonly EniGate _gate;
    private readonly int _restarts;
    private readonly string _eni;
    private readonly FlowSweep? _sweep;
    private readonly IdleWatch _idleWatch;

    private TunnelPort? _port;
    private Retirement? _retirement;
    private string? _fault;

    public EniActor(TunnelServices services, EniGate gate, int restarts)
    {
        _services = services;
        _gate = gate;
        _restarts = restarts;
        _eni = EniName.Hex17(gate.EniId);
        _sweep = gate.Matcher is null ? null : new FlowSweep(gate.Sweep);
        _idleWatch = new IdleWatch(services, gate);
        Settling();
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private HookSubject Subject => HookSubject.For(_gate, _services.Settings.Tunnel.ReturnTraffic);

    public static Props Props(TunnelServices services, EniGate gate, int restarts) =>
        Akka.Actor.Props.Create(() => new EniActor(services, gate, restarts));

    protected override void PreStart()
    {
        if (_sweep is not null)
            ScheduleSweep(FlowSweep.BetweenRounds);
        _services.Lifecycle.Tell(new RunDestroy(Subject));
    }

    /// <summary>After a failure: packets wait, the devices close, and what CREATE added is undone.</summary>
    protected override void PostStop()
    {
        if (_port is null)
            return;
        _gate.Hold();
        Context.Parent.Tell(new ReleasePort(_port));
        _services.Lifecycle.Tell(new RunDestroy(Subject), ActorRefs.Nobody);
    }

    // ---- Settling: a former pair's DESTROY may still run ----

    private void Settling()
    {
        Common();
        Receive<HookFinished>(_ => OnSettled());
        // Not before that DESTROY has run: whoever stops the handler waits for this actor.
        Receive<RetireEni>(_ => _retirement = Retirement.Stopping);
    }

    private void OnSettled()
    {
        if (_retirement is null)
        {
            Become(Opening);
            return;
        }

        _gate.Refuse(DropReason.EniRetired);
        Context.Stop(Self);
    }

    // ---- Opening: the devices are being made, on a thread that may block ----

    private void Opening()
    {
        Common();
        Receive<PortOpened>(opened => OnPortOpened(opened.Port));
        Receive<OpenFailed>(failed => throw new TunnelFailedException(failed.Reason));
        Receive<RetireEni>(_ => _retirement = Retirement.Stopping);

        PortOpening.OpenAsync(_services, _gate).PipeTo(Self, success: port => new PortOpened(port), failure: e => new OpenFailed(e.Message));
    }

    private void OnPortOpened(TunnelPort port)
    {
        _port = port;
        Context.Parent.Tell(new AttachPort(port));
        Become(_retirement is null ? Creating : Retiring);
    }

    // ---- Creating: devices up and read, packets wait, the CREATE hook runs ----

    private void Creating()
    {
        Common();
        Receive<PortAttached>(_ => _services.Lifecycle.Tell(new RunCreate(Subject)));
        Receive<HookFinished>(OnCreateFinished, finished => finished.Action == HookAction.Create);
        Receive<PortFaulted>(fault => throw new TunnelFailedException(fault.Reason), fault => fault.Port == _port);
        // A hook may take a device down and up again: that it is up is asked for when the hook has ended.
        Receive<LinkSuspect>(link => throw new TunnelFailedException($"{link.Device} was deleted"), link => link.Port == _port && !link.Exists);
        Receive<RetireEni>(_ => Retire(Retirement.Stopping));

        SwitchReversePathFilterOff();
        _services.RouterAdvertisements.Refuse(_port!.Ingress.Name, _port.Namespace);
    }

    private void OnCreateFinished(HookFinished finished)
    {
        if (finished.Outcome is HookOutcome.Failed or HookOutcome.TimedOut && _services.Settings.Hooks.OnCreateFailure == CreateFailureAction.Retire)
            throw new CreateHookFailedException(finished.Detail);
        FailWhenDown();
        SwitchReversePathFilterOff();
        Become(OpeningGate);
    }

    // ---- OpeningGate: what waited is being written, on a thread that may take its time ----

    private void OpeningGate()
    {
        Common();
        Receive<GateOpened>(_ => OnGateOpened());
        Receive<Status.Failure>(failure => throw new TunnelFailedException(failure.Cause.Message));
        // The port is in use until the gate has opened.
        Receive<PortFaulted>(fault => _fault ??= fault.Reason, fault => fault.Port == _port);
        Receive<LinkSuspect>(link => _fault ??= $"{link.Device} was deleted", link => link.Port == _port && !link.Exists);
        Receive<RetireEni>(_ => _retirement = Retirement.Stopping);

        var gate = _gate;
        var port = _port!;
        Task.Run(() => gate.Open(port)).PipeTo(Self, success: () => new GateOpened());
    }

    private void OnGateOpened()
    {
        if (_fault is not null)
            throw new TunnelFailedException(_fault);
        Become(_retirement is null ? Live : Retiring);
    }

    // ---- Live ----

    private void Live()
    {
        Common();
        Receive<PortFaulted>(fault => throw new TunnelFailedException(fault.Reason), fault => fault.Port == _port);
        Receive<LinkSuspect>(OnLinkSuspect, link => link.Port == _port);
        Receive<FilterTick>(_ => SwitchReversePathFilterOff());
        Receive<EndpointIdle>(OnIdle);
        Receive<RetireEni>(_ => Retire(Retirement.Stopping));

        // Once more: link events that came while the gate was being opened were left aside.
        FailWhenDown();
        TellState(EniState.Live);
        Timers.StartSingleTimer(nameof(FilterTick), FilterTick.Instance, _udevSettles);
        _idleWatch.Start(Self);
        _services.Logger.TunnelCreated(_eni, Subject.Devices);
    }

    private void OnIdle(EndpointIdle idle)
    {
        if (!_idleWatch.IsIdle)
        {
            _idleWatch.Start(Self);
            return;
        }

        // What comes from now on waits, for a tunnel that is made anew.
        _gate.Hold();
        Retire(new Retirement($"idle in both directions for {idle.IdleFor.TotalSeconds:0} s", IsStopping: false));
    }

    private void OnLinkSuspect(LinkSuspect link)
    {
        if (!link.Exists)
            throw new TunnelFailedException($"{link.Device} was deleted");
        FailWhenDown();
    }

    // ---- Retiring: the gate is shut, DESTROY runs while the devices exist, then they close ----

    private void Retire(Retirement retirement)
    {
        _retirement = retirement;
        Become(Retiring);
    }

    private void Retiring()
    {
        Common();
        Receive<FlushTimeOver>(_ => AskForDestroy());
        Receive<HookFinished>(_ => Context.Parent.Tell(new ReleasePort(_port!)), finished => finished.Action == HookAction.Destroy);
        Receive<PortReleased>(_ =>
        {
            _port = null;
            _services.Logger.TunnelDestroyed(_eni, Subject.Devices, _retirement!.Reason);
            Context.Stop(Self);
        });

        _idleWatch.Stop();
        if (_retirement!.IsStopping)
        {
            _gate.Refuse(DropReason.EniRetired);
            Timers.StartSingleTimer(nameof(FlushTimeOver), FlushTimeOver.Instance, _flushTime);
        }
        else
        {
            AskForDestroy();
        }

        TellState(EniState.Retiring);
    }

    private void AskForDestroy() => _services.Lifecycle.Tell(new RunDestroy(Subject));

    // ---- in every state ----

    private void Common() => Receive<SweepTick>(_ => ScheduleSweep(_sweep!.Slice(Environment.TickCount64)));

    private void ScheduleSweep(TimeSpan pause) => Timers.StartSingleTimer(nameof(SweepTick), SweepTick.Instance, pause);

    private void SwitchReversePathFilterOff() => _services.ReversePathFilter.SwitchOff(_port!.Ingress.Name, _port.Namespace);

    private void FailWhenDown()
    {
        if (_port!.FindFault() is { } fault)
            throw new TunnelFailedException(fault);
    }

    private void TellState(EniState state) => _services.Stats.Tell(new EniStateChanged(_gate, state, Problem: null, _restarts));

    private sealed record Retirement(string Reason, bool IsStopping)
    {
        public static readonly Retirement Stopping = new("the handler stops", IsStopping: true);
    }

    private sealed record PortOpened(TunnelPort Port);

    private sealed record OpenFailed(string Reason);

    private sealed record GateOpened;

    private sealed record SweepTick
    {
        public static readonly SweepTick Instance = new();
    }

    private sealed record FilterTick
    {
        public static readonly FilterTick Instance = new();
    }

    private sealed record FlushTimeOver
    {
        public static readonly FlushTimeOver Instance = new();
    }
}
