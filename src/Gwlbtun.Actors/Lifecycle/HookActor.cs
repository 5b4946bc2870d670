using System.Diagnostics;
using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Lifecycle;

/// <summary>
/// One run of one hook: starts the program, logs what it says, ends it when it takes too long, and tells its parent with <see cref="HookEnded"/>.
/// </summary>
internal sealed class HookActor : ReceiveActor, IWithTimers
{
    private readonly HookRun _run;
    private readonly HookSettings _hooks;
    private readonly ILogger _logger;
    private readonly string _eni;
    private readonly string _action;

    private ChildProcess? _child;
    private long _startedAt;
    private bool _timedOut;

    public HookActor(HookRun run, HookSettings hooks, ILogger logger)
    {
        _run = run;
        _hooks = hooks;
        _logger = logger;
        _eni = EniName.Hex17(run.Subject.EniId);
        _action = HookSubject.Word(run.Action);

        Receive<Start>(_ => OnStart());
        Receive<TimeUp>(_ => OnTimeUp());
        Receive<GraceOver>(_ => OnGraceOver());
        Receive<Exited>(message => OnExited(message.Exit));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(HookRun run, HookSettings hooks, ILogger logger) =>
        Akka.Actor.Props.Create(() => new HookActor(run, hooks, logger));

    protected override void PreStart() => Self.Tell(Start.Instance);

    // Stopped before the program has ended: nobody would watch over it any more.
    protected override void PostStop() => _child?.SignalGroup(ChildProcess.Kill);

    private void OnStart()
    {
        // Started first, so that time counts from before the program's first instruction.
        Timers.StartSingleTimer(nameof(TimeUp), TimeUp.Instance, _hooks.Timeout);
        _startedAt = Stopwatch.GetTimestamp();
        var argv = _run.Subject.ToArgv(_run.Command, _run.Action);
        try
        {
            _child = ChildProcess.Start(
                argv[0],
                [.. argv.Skip(1)],
                _run.Subject.Environment(_run.Action, _hooks.Environment),
                line => _logger.HookOutput(_eni, _action, line),
                _run.Subject.Namespace);
        }
        catch (LinuxException cannotStart)
        {
            End(HookOutcome.Failed, cannotStart.Message);
            return;
        }
        _logger.HookStarted(_eni, _action, _child.Id);
        _child.Exited.PipeTo(Self, success: exit => new Exited(exit));
    }

    private void OnTimeUp()
    {
        _timedOut = true;
        _child!.SignalGroup(ChildProcess.Terminate);
        Timers.StartSingleTimer(nameof(GraceOver), GraceOver.Instance, _hooks.KillGrace);
        _logger.HookTimedOut(_eni, _action, _hooks.Timeout.TotalSeconds);
    }

    private void OnGraceOver()
    {
        _child!.SignalGroup(ChildProcess.Kill);
        _logger.HookKilled(_eni, _action, _hooks.KillGrace.TotalSeconds);
    }

    private void OnExited(ChildExit exit)
    {
        if (_timedOut)
            End(HookOutcome.TimedOut, $"ended after hooks.timeout ({_hooks.Timeout.TotalSeconds} s): {exit}");
        else if (exit.IsSuccess)
            End(HookOutcome.Succeeded, exit.ToString());
        else
            End(HookOutcome.Failed, exit.ToString());
    }

    private void End(HookOutcome outcome, string detail)
    {
        var milliseconds = (long)Stopwatch.GetElapsedTime(_startedAt).TotalMilliseconds;
        if (outcome == HookOutcome.Succeeded)
            _logger.HookSucceeded(_eni, _action, milliseconds);
        else
            _logger.HookFailed(_eni, _action, detail);
        Context.Parent.Tell(new HookEnded(_run.Subject.EniId, outcome, detail));
        Context.Stop(Self);
    }

    private sealed record Start
    {
        public static readonly Start Instance = new();
    }

    private sealed record TimeUp
    {
        public static readonly TimeUp Instance = new();
    }

    private sealed record GraceOver
    {
        public static readonly GraceOver Instance = new();
    }

    private sealed record Exited(ChildExit Exit);
}

/// <summary>What a <see cref="HookActor"/> runs.</summary>
internal sealed record HookRun(HookAction Action, HookSubject Subject, HookCommand Command);

/// <summary>A <see cref="HookActor"/>'s last words to its parent.</summary>
internal sealed record HookEnded(ulong EniId, HookOutcome Outcome, string Detail) : ILifecycleMessage;
