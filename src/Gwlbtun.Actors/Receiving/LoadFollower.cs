using Akka.Actor;
using Gwlbtun.Actors.Tunnels;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Receiving;

/// <summary>
/// Has the receive threads ride on as many tunnel threads as the load needs. Part of <see cref="ReceiverActor"/>, in whose turns all of it runs; it schedules messages
/// to the actor, which are to be handed back to it.
/// </summary>
/// <param name="seating">Who is to ride where.</param>
/// <param name="crew">The threads.</param>
/// <param name="timers">The actor's.</param>
/// <param name="self">The actor.</param>
/// <param name="logger">Whom to tell.</param>
internal sealed class LoadFollower(Seating seating, IReceiveCrew crew, ITimerScheduler timers, IActorRef self, ILogger logger)
{
    // From the moment that a thread finds full batches: what went before, a pause perhaps, says nothing of now. The kernel counts in hundredths of a second.
    private static readonly TimeSpan _lookFor = TimeSpan.FromMilliseconds(200);

    // After a look that led to nothing: else threads that go on telling of full batches would have it look all the time.
    private static readonly TimeSpan _pauseFor = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan _restInterval = TimeSpan.FromSeconds(5);

    private readonly WidthTrial _trial = new();
    private LoadLook? _look;
    private bool _isToNarrow;
    private TimeSpan _pausesUntil;
    private TimeSpan _processTime;
    private bool _isMoving;
    private bool _isReseatDue;

    /// <summary>A receive thread has found full batches again and again.</summary>
    public void OnBacklog()
    {
        if (_look is null && !_isMoving && seating.CanSpread && crew.Now >= _pausesUntil && _trial.MayWiden(crew.Now, crew.IsAnyBehind))
            Look(isToNarrow: false);
    }

    /// <summary>Handles <see cref="LookForRest"/>: at rest, one thread is enough; else it may be tried whether fewer are.</summary>
    public void OnLookForRest()
    {
        var used = crew.ProcessTime - _processTime;
        _processTime += used;
        if (_isMoving || _look is not null || _trial.IsUnderWay || !seating.CanGather)
            return;
        if (used <= _restInterval * Seating.BusyCoresToGather)
        {
            // What comes after a rest may be another load.
            _trial.Forget();
            seating.Gather();
            ReseatAnew();
        }
        else if (_trial.MayNarrow(crew.Now))
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
        var load = crew.TryLook(seating.Width)?.Since(before);
        var isBehind = crew.IsAnyBehind;
        if (_trial.IsUnderWay)
            EndTrial(load, isBehind);
        else if (load is not null && (_isToNarrow ? seating.MayDoWithFewer(load, isBehind) : seating.CanSpread && Seating.NeedsMoreCores(load, isBehind)))
            BeginTrial(load, isBehind);
        else if (!_isToNarrow)
            _pausesUntil = crew.Now + _pauseFor;
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
        _look = crew.TryLook(seating.Width);
        if (_look is not null)
            timers.StartSingleTimer(nameof(LookAtLoad), new LookAtLoad(), _lookFor);
        else if (_trial.IsUnderWay)
            EndTrial(load: null, isBehind: false);
    }

    private void BeginTrial(Load load, bool isBehind)
    {
        _trial.Begin(isWider: !_isToNarrow, load.PacketsPerSecond, isBehind);
        if (_isToNarrow)
            seating.Narrow();
        else
            seating.Spread();
        ReseatAnew();
    }

    // Without a load it says nothing, and things are as they were.
    private void EndTrial(Load? load, bool isBehind)
    {
        if (load is null)
        {
            _trial.Abandon();
            _pausesUntil = crew.Now + _pauseFor;
        }
        else if (_trial.End(crew.Now, load.PacketsPerSecond, isBehind, Seating.NeedsMoreCores(load, isBehind)))
        {
            return;
        }

        seating.TakeBack();
        ReseatAnew();
    }

    private void ReseatAnew()
    {
        logger.ReceiversSpread(seating.Width);
        timers.Cancel(nameof(LookForRest));
        if (seating.CanGather)
        {
            _processTime = crew.ProcessTime;
            timers.StartPeriodicTimer(nameof(LookForRest), new LookForRest(), _restInterval);
        }

        Reseat();
    }

    private void Reseat()
    {
        _isMoving = true;
        crew.TellSharers(seating.Width);
        crew.MoveAsync(seating).PipeTo(self, success: () => new ReceiversMoved(), failure: _ => new ReceiversMoved());
    }
}
