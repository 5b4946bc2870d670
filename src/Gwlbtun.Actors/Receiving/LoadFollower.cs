using Akka.Actor;
using Gwlbtun.Actors.Gateway;
using Gwlbtun.Actors.Tunnels;
using Gwlbtun.Native.Forwarding;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Receiving;

/// <summary>
/// Has the receive threads ride on as many tunnel threads as the load needs. Part of <see cref="ReceiverActor"/>, in whose turns all of it runs; it schedules messages
/// to the actor, which are to be handed back to it.
/// </summary>
internal sealed class LoadFollower
{
    // From the moment that a thread finds full batches: what went before, a pause perhaps, says nothing of now. The kernel counts in hundredths of a second.
    private static readonly TimeSpan _lookFor = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan _restInterval = TimeSpan.FromSeconds(5);

    private readonly DataPlane _dataPlane;
    private readonly Func<IReadOnlyList<ReceiveThread>> _threads;
    private readonly ITimerScheduler _timers;
    private readonly IActorRef _self;
    private readonly ILogger _logger;
    private readonly Seating _seating;
    private readonly WidthTrial _trial = new();
    private LoadLook? _look;
    private bool _isToNarrow;
    private TimeSpan _processTime;
    private bool _isMoving;
    private bool _isReseatDue;

    /// <param name="dataPlane">The threads that carry, and where packets are counted.</param>
    /// <param name="threads">The receive threads, as they are at any time.</param>
    /// <param name="timers">The actor's.</param>
    /// <param name="self">The actor.</param>
    /// <param name="logger">Whom to tell.</param>
    public LoadFollower(DataPlane dataPlane, Func<IReadOnlyList<ReceiveThread>> threads, ITimerScheduler timers, IActorRef self, ILogger logger)
    {
        _dataPlane = dataPlane;
        _threads = threads;
        _timers = timers;
        _self = self;
        _logger = logger;
        // Pinned threads stay where they are.
        var options = dataPlane.Options;
        _seating = new Seating(
            dataPlane.TunnelThreads,
            isGathering: options.GatherReceivers && options.FuseThreads && options.ReceiveThreads.Cores.Concat(options.TunnelThreads.Cores).All(core => core is null));
    }

    private bool IsAnyBehind => _threads().Any(thread => thread.IsBehind);

    private static TimeSpan Now => TimeSpan.FromMilliseconds(Environment.TickCount64);

    /// <summary>What a receive thread that starts is to ride on; null: on nothing.</summary>
    public TunnelThread? CarrierOf(ReceiveThread thread) => _seating.CarrierOf(thread);

    /// <summary>The threads know among how many the load is divided. To be called when some have started.</summary>
    public void TellSharers()
    {
        foreach (var thread in _dataPlane.TunnelThreads)
            thread.Sharers = _seating.Width;
        // Those that run by themselves.
        foreach (var thread in _threads())
            thread.Sharers = _dataPlane.Sockets.Count;
    }

    /// <summary>A receive thread has found full batches again and again.</summary>
    public void OnBacklog()
    {
        if (_look is null && !_isMoving && _seating.CanSpread && _trial.MayWiden(Now, IsAnyBehind))
            Look(isToNarrow: false);
    }

    /// <summary>Handles <see cref="LookForRest"/>: at rest, one thread is enough; else it may be tried whether fewer are.</summary>
    public void OnLookForRest()
    {
        var used = Environment.CpuUsage.TotalTime - _processTime;
        _processTime += used;
        if (_isMoving || _look is not null || _trial.IsUnderWay || !_seating.CanGather)
            return;
        if (used <= _restInterval * Seating.BusyCoresToGather)
        {
            _seating.Gather();
            ReseatAnew();
        }
        else if (_trial.MayNarrow(Now))
        {
            Look(isToNarrow: true);
        }
    }

    /// <summary>Handles <see cref="LookAtLoad"/>.</summary>
    public void OnLookAtLoad()
    {
        var before = _look!;
        _look = null;
        if (_isMoving)
            return;
        var load = TakeLook().Since(before);
        if (_trial.IsUnderWay)
            EndTrial(load);
        else if (_isToNarrow ? _seating.CanGather : _seating.CanSpread && Seating.NeedsMoreCores(load.IdleCores, load.BusyShares, IsAnyBehind))
            BeginTrial(load);
    }

    /// <summary>Those that rode on a tunnel thread that died run by themselves until they are seated again.</summary>
    public void OnCarrierReplaced()
    {
        _isReseatDue = _isMoving;
        if (!_isMoving)
            Reseat();
    }

    /// <summary>Handles <see cref="ReceiversMoved"/>.</summary>
    public void OnMoved()
    {
        _isMoving = false;
        if (_isReseatDue)
            OnCarrierReplaced();
        else if (_trial.IsUnderWay && _look is null)
            Look(_isToNarrow);
    }

    private void Look(bool isToNarrow)
    {
        _isToNarrow = isToNarrow;
        _look = TakeLook();
        _timers.StartSingleTimer(nameof(LookAtLoad), new LookAtLoad(), _lookFor);
    }

    private LoadLook TakeLook() => LoadLook.Take(_dataPlane, _threads(), _seating.Width);

    private void BeginTrial(Load load)
    {
        _trial.Begin(isWider: !_isToNarrow, load.PacketsPerSecond, IsAnyBehind);
        if (_isToNarrow)
            _seating.Narrow();
        else
            _seating.Spread();
        ReseatAnew();
    }

    private void EndTrial(Load load)
    {
        if (_trial.End(Now, load.PacketsPerSecond, IsAnyBehind))
            return;
        _seating.TakeBack();
        ReseatAnew();
    }

    private void ReseatAnew()
    {
        _logger.ReceiversSpread(_seating.Width);
        _timers.Cancel(nameof(LookForRest));
        if (_seating.CanGather)
        {
            _processTime = Environment.CpuUsage.TotalTime;
            _timers.StartPeriodicTimer(nameof(LookForRest), new LookForRest(), _restInterval);
        }

        Reseat();
    }

    private void Reseat()
    {
        _isMoving = true;
        TellSharers();
        MoveAsync(_threads(), _seating).PipeTo(_self, success: () => new ReceiversMoved(), failure: _ => new ReceiversMoved());
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
}
