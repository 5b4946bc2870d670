using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Lifecycle;

/// <summary>
/// Runs the hooks and keeps the idle clocks. Hooks of one endpoint never overlap and keep their order; CREATE and DESTROY alternate
/// strictly, so that what a hook adds never piles up; of all endpoints together at most <see cref="HookSettings.Parallelism"/> run at once.
/// </summary>
public sealed class LifecycleActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan _longestTick = TimeSpan.FromSeconds(1);

    private readonly HookSettings _hooks;
    private readonly TimeSpan _idleTimeout;
    private readonly HookCounters _counters;
    private readonly ILogger _logger;

    /// <summary>Endpoints whose CREATE ran without a DESTROY since. Outlives restarts of the actor, and so do the idle clocks.</summary>
    private readonly HashSet<ulong> _created;
    private readonly LinkedList<Job> _waiting = [];
    private readonly Dictionary<ulong, Job> _running = [];
    private readonly Dictionary<ulong, WatchIdle> _watched;

    /// <summary>For <see cref="Props"/> only.</summary>
    public LifecycleActor(HookSettings hooks, TimeSpan idleTimeout, HookCounters counters, ILogger logger, HashSet<ulong> created, Dictionary<ulong, WatchIdle> watched)
    {
        _hooks = hooks;
        _idleTimeout = idleTimeout;
        _counters = counters;
        _logger = logger;
        _created = created;
        _watched = watched;

        Receive<RunCreate>(message => Enqueue(HookAction.Create, message.Subject));
        Receive<RunDestroy>(message => Enqueue(HookAction.Destroy, message.Subject));
        Receive<HookEnded>(OnHookEnded);
        Receive<HookLost>(message => OnHookEnded(new(message.EniId, HookOutcome.Failed, "an internal error, see the log")));
        Receive<WatchIdle>(OnWatchIdle);
        Receive<UnwatchIdle>(message => Forget(message.EniId));
        Receive<WatchedGone>(OnWatchedGone);
        Receive<IdleTick>(_ => OnIdleTick());
    }

    /// <inheritdoc/>
    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>How to make one.</summary>
    /// <param name="hooks">The hooks and their bounds.</param>
    /// <param name="idleTimeout">How long an endpoint may be idle in both directions; zero is for ever.</param>
    /// <param name="counters">Where it counts.</param>
    /// <param name="logger">Where hooks' output and failures go.</param>
    public static Props Props(HookSettings hooks, TimeSpan idleTimeout, HookCounters counters, ILogger logger)
    {
        var created = new HashSet<ulong>();
        var watched = new Dictionary<ulong, WatchIdle>();
        return Akka.Actor.Props.Create(() => new LifecycleActor(hooks, idleTimeout, counters, logger, created, watched));
    }

    /// <inheritdoc/>
    protected override SupervisorStrategy SupervisorStrategy() =>
        // A hook's actor that fails is not run again: CREATE would run twice.
        new OneForOneStrategy(_ => Directive.Stop);

    /// <inheritdoc/>
    protected override void PreStart()
    {
        if (_idleTimeout <= TimeSpan.Zero)
            return;
        var half = _idleTimeout / 2;
        var tick = half < _longestTick ? half : _longestTick;
        Timers.StartPeriodicTimer(nameof(IdleTick), IdleTick.Instance, tick);
    }

    /// <summary>Whoever waits for a hook gets an answer: a lost one would leave its endpoint waiting for ever.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
        foreach (var job in _running.Values.Concat(_waiting))
            Reply(job, HookOutcome.Failed, $"the hook runner failed: {reason.Message}");
        var lost = message switch
        {
            RunCreate create => new Job(HookAction.Create, create.Subject, Sender),
            RunDestroy destroy => new Job(HookAction.Destroy, destroy.Subject, Sender),
            _ => null,
        };
        if (lost is not null)
            Reply(lost, HookOutcome.Failed, $"the hook runner failed: {reason.Message}");
        base.PreRestart(reason, message);
    }

    private void Enqueue(HookAction action, HookSubject subject)
    {
        if (action == HookAction.Destroy)
            WithdrawWaitingCreate(subject.EniId);
        _waiting.AddLast(new Job(action, subject, Sender));
        StartWhatMay();
    }

    /// <summary>A CREATE that has not begun when its DESTROY is asked for need not begin.</summary>
    private void WithdrawWaitingCreate(ulong eniId)
    {
        for (var node = _waiting.First; node is not null;)
        {
            var next = node.Next;
            if (node.Value.Action == HookAction.Create && node.Value.Subject.EniId == eniId)
            {
                _waiting.Remove(node);
                Reply(node.Value, HookOutcome.NotNeeded, "withdrawn: the tunnel goes before its hook began");
            }
            node = next;
        }
    }

    private void StartWhatMay()
    {
        var busy = new HashSet<ulong>(_running.Keys);
        for (var node = _waiting.First; node is not null;)
        {
            var next = node.Next;
            var job = node.Value;
            // What needs no program needs no slot either: nobody waits for others' hooks without having one.
            if (!busy.Contains(job.Subject.EniId) && (_running.Count < _hooks.Parallelism || !NeedsProgram(job)))
            {
                _waiting.Remove(node);
                Begin(job);
            }

            // Behind its endpoint's first job that has to wait, or runs, the others wait too: they keep their order.
            if (node.List is not null || _running.ContainsKey(job.Subject.EniId))
                busy.Add(job.Subject.EniId);
            node = next;
        }
    }

    private bool NeedsProgram(Job job)
    {
        var stands = _created.Contains(job.Subject.EniId);
        return (job.Action == HookAction.Create && _hooks.Create is not null) || (stands && _hooks.Destroy is not null);
    }

    private void Begin(Job job)
    {
        var eniId = job.Subject.EniId;
        if (job.Action == HookAction.Create && !_created.Add(eniId) && _hooks.Destroy is not null)
        {
            // The tunnel is rebuilt: what CREATE added for the former one is undone before it is added again.
            _waiting.AddFirst(job);
            Begin(new Job(HookAction.Destroy, job.Subject, ActorRefs.Nobody));
            return;
        }

        var stands = job.Action == HookAction.Create || _created.Remove(eniId);
        var command = job.Action == HookAction.Create ? _hooks.Create : _hooks.Destroy;
        if (!stands || command is null)
        {
            Reply(job, HookOutcome.NotNeeded, stands ? "no hook is configured" : "no CREATE stands to be undone");
            return;
        }

        _running.Add(eniId, job);
        var hook = Context.ActorOf(HookActor.Props(new(job.Action, job.Subject, command), _hooks, _logger));
        Context.WatchWith(hook, new HookLost(eniId));
    }

    private void OnHookEnded(HookEnded ended)
    {
        if (!_running.Remove(ended.EniId, out var job))
            return;
        Context.Unwatch(Sender);
        _counters.Count(ended.Outcome);
        Reply(job, ended.Outcome, ended.Detail);
        StartWhatMay();
    }

    private static void Reply(Job job, HookOutcome outcome, string detail) =>
        job.ReplyTo.Tell(new HookFinished(job.Subject.EniId, job.Action, outcome, detail));

    private void OnWatchIdle(WatchIdle watch)
    {
        Forget(watch.EniId);
        _watched[watch.EniId] = watch;
        Context.WatchWith(watch.Eni, new WatchedGone(watch.EniId, watch.Eni));
    }

    private void OnWatchedGone(WatchedGone gone)
    {
        // The endpoint's next actor may have come before word of the former one's end.
        if (_watched.TryGetValue(gone.EniId, out var watch) && watch.Eni.Equals(gone.Eni))
            _watched.Remove(gone.EniId);
    }

    private void Forget(ulong eniId)
    {
        if (_watched.Remove(eniId, out var watch))
            Context.Unwatch(watch.Eni);
    }

    private void OnIdleTick()
    {
        foreach (var watch in _watched.Values.ToArray())
        {
            var idleFor = watch.IdleFor();
            if (idleFor <= _idleTimeout)
                continue;
            watch.Eni.Tell(new EndpointIdle(watch.EniId, idleFor));
            Forget(watch.EniId);
        }
    }

    private sealed record Job(HookAction Action, HookSubject Subject, IActorRef ReplyTo);

    private sealed record HookLost(ulong EniId) : ILifecycleMessage;

    private sealed record WatchedGone(ulong EniId, IActorRef Eni) : ILifecycleMessage;

    private sealed record IdleTick : ILifecycleMessage
    {
        public static readonly IdleTick Instance = new();
    }
}
