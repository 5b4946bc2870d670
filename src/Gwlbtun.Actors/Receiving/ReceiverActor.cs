using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Gateway;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Actors.Tunnels;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Receiving;

/// <summary>
/// Owns the receive sockets and their threads: starts them, puts another thread in the place of one that died, stops them. Meanwhile the
/// kernel keeps what arrives in the socket's buffer.
/// </summary>
internal sealed class ReceiverActor : ReceiveActor, IWithTimers
{
    // From the moment that a thread falls behind: what went before, a pause perhaps, says nothing of now. The kernel counts in hundredths of a second.
    private static readonly TimeSpan _lookAtCores = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan _restInterval = TimeSpan.FromSeconds(5);

    private readonly DataPlane _dataPlane;
    private readonly RestartSettings _restart;
    private readonly IActorRef _stats;
    private readonly ILogger _logger;
    private readonly ReceiveThread?[] _threads;
    private readonly IReadOnlyList<int> _cores = CpuAffinity.Allowed();
    private ThreadReplacement _replacement = null!;
    private Seating? _seating;
    private ProcessorTimes _times;
    private bool _isLookingAtCores;
    private bool _isStillBehind;
    private TimeSpan _processTime;
    private bool _isMoving;
    private bool _isReseatDue;
    private bool _isStopping;

    public ReceiverActor(DataPlane dataPlane, RestartSettings restart, IActorRef stats, ILogger logger)
    {
        _dataPlane = dataPlane;
        _restart = restart;
        _stats = stats;
        _logger = logger;
        _threads = new ReceiveThread?[dataPlane.Sockets.Count];

        Receive<StartReceiving>(_ => OnStart());
        Receive<ReceiverBacklogged>(_ => OnBacklog());
        Receive<LookAtCores>(_ => OnLookAtCores());
        Receive<LookForRest>(_ => OnLookForRest());
        Receive<CarrierReplaced>(_ => OnCarrierReplaced());
        Receive<ReceiversMoved>(_ => OnMoved());
        Receive<ReceiveThreadDied>(died => _replacement.NoteDeath(died.Thread, died.Cause), died => died.Thread == _threads[died.Thread.Index]);
        Receive<ReplaceThread>(replace => OnReplace((ReceiveThread)replace.Dead));
        Receive<ThreadForgotten>(forgotten => forgotten.Thread.Dispose());
        Receive<StopReceiving>(_ => OnStop());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private IReadOnlyList<ReceiveThread> Threads => [.. _threads.OfType<ReceiveThread>()];

    public static Props Props(DataPlane dataPlane, RestartSettings restart, IActorRef stats, ILogger logger) =>
        Akka.Actor.Props.Create(() => new ReceiverActor(dataPlane, restart, stats, logger));

    protected override void PreStart() => _replacement = new ThreadReplacement(_restart, Timers, Context.System.Scheduler, _logger);

    protected override void PostStop() => _ = EndAsync();

    private void OnStart()
    {
        // Pinned threads stay where they are.
        var options = _dataPlane.Options;
        var isGathering = options.GatherReceivers && options.FuseThreads && options.ReceiveThreads.Cores.Concat(options.TunnelThreads.Cores).All(core => core is null);
        _seating ??= new Seating(_dataPlane.TunnelThreads, isGathering);
        try
        {
            for (var i = 0; i < _threads.Length; i++)
                _threads[i] ??= StartThread(i);
        }
        catch (LinuxException cannotStart)
        {
            Sender.Tell(new StartFailed(cannotStart.Message));
            return;
        }

        _stats.Tell(new ReceiveThreadsChanged(Threads, Replaced: null));
        Sender.Tell(new ReceivingStarted());
    }

    private ReceiveThread StartThread(int index)
    {
        var thread = new ReceiveThread(
            index, _dataPlane.Options, _dataPlane.Sockets[index], _dataPlane.Registry, _dataPlane.Quiescence, _dataPlane.Relay);
        if (_seating?.CarrierOf(thread) is { } carrier)
            thread.StartOn(carrier);
        else
            thread.Start();
        return thread;
    }

    private void OnReplace(ReceiveThread dead)
    {
        if (_isStopping || !_replacement.TryReplace(dead, () => _threads[dead.Index] = StartThread(dead.Index)))
            return;
        _stats.Tell(new ReceiveThreadsChanged(Threads, dead));
        _logger.ThreadReplaced(dead.Name);
    }

    private void OnStop()
    {
        _isStopping = true;
        StopThreadsAsync().PipeTo(Sender, success: () => new ReceivingStopped());
    }

    private Task StopThreadsAsync()
    {
        foreach (var thread in Threads)
            thread.RequestStop();
        return Task.WhenAll(Threads.Select(thread => thread.Completion));
    }

    private async Task EndAsync()
    {
        await StopThreadsAsync().ConfigureAwait(false);
        foreach (var thread in Threads)
            thread.Dispose();
        foreach (var socket in _dataPlane.Sockets)
            socket.Dispose();
    }

    private void OnBacklog()
    {
        // It tells more often than that look takes.
        _isStillBehind = _isLookingAtCores;
        if (_isLookingAtCores || _seating is not { CanSpread: true })
            return;
        _isLookingAtCores = true;
        _times = ProcessorTimes.Read(_cores);
        Timers.StartSingleTimer(nameof(LookAtCores), new LookAtCores(), _lookAtCores);
    }

    private void OnLookAtCores()
    {
        _isLookingAtCores = false;
        if (!_isStillBehind || _isMoving || _isStopping || _seating is not { CanSpread: true }
            || ProcessorTimes.Read(_cores).IdleShareSince(_times) * _cores.Count < Seating.IdleCoresToSpread)
            return;
        _seating.Spread();
        _processTime = Environment.CpuUsage.TotalTime;
        Timers.StartPeriodicTimer(nameof(LookForRest), new LookForRest(), _restInterval);
        _logger.ReceiversSpread(_seating.Width);
        Reseat(_seating);
    }

    private void OnLookForRest()
    {
        var used = Environment.CpuUsage.TotalTime - _processTime;
        _processTime += used;
        if (_isMoving || _isStopping || _seating is not { CanGather: true } || used > _restInterval * Seating.BusyCoresToGather)
            return;
        _seating.Gather();
        Timers.Cancel(nameof(LookForRest));
        _logger.ReceiversSpread(_seating.Width);
        Reseat(_seating);
    }

    // Those that rode on the dead one run by themselves until they are seated again.
    private void OnCarrierReplaced()
    {
        if (_isStopping || _seating is null)
            return;
        _isReseatDue = _isMoving;
        if (!_isMoving)
            Reseat(_seating);
    }

    private void OnMoved()
    {
        _isMoving = false;
        if (_isReseatDue)
            OnCarrierReplaced();
    }

    private void Reseat(Seating seating)
    {
        _isMoving = true;
        MoveAsync([.. Threads], seating).PipeTo(Self, success: () => new ReceiversMoved(), failure: _ => new ReceiversMoved());
    }

    // One after the other, so that each waits for its former carrier alone.
    private static async Task MoveAsync(IReadOnlyList<ReceiveThread> threads, Seating seating)
    {
        foreach (var thread in threads)
        {
            if (seating.CarrierOf(thread) is not { } carrier || thread.Carrier == carrier)
                continue;
            if (thread.Carrier is null)
                await thread.BoardAsync(carrier, seating.ReaderOf(thread)).ConfigureAwait(false);
            else
                await thread.MoveAsync(carrier).ConfigureAwait(false);
        }
    }

    private sealed record LookAtCores;

    private sealed record LookForRest;

    private sealed record ReceiversMoved;
}
