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
    private readonly DataPlane _dataPlane;
    private readonly RestartSettings _restart;
    private readonly IActorRef _stats;
    private readonly ILogger _logger;
    private readonly ReceiveThread?[] _threads;
    private readonly ReceiveCrew _crew;
    private ThreadReplacement _replacement = null!;
    private Seating? _seating;
    private LoadFollower? _load;
    private bool _isStopping;

    public ReceiverActor(DataPlane dataPlane, RestartSettings restart, IActorRef stats, ILogger logger)
    {
        _dataPlane = dataPlane;
        _restart = restart;
        _stats = stats;
        _logger = logger;
        _threads = new ReceiveThread?[dataPlane.Sockets.Count];
        _crew = new ReceiveCrew(dataPlane, () => Threads);

        Receive<StartReceiving>(_ => OnStart());
        Receive<ReceiverBacklogged>(_ => _load?.OnBacklog(), _ => !_isStopping);
        Receive<LookAtLoad>(_ => _load?.OnLookAtLoad(), _ => !_isStopping);
        Receive<LookForRest>(_ => _load?.OnLookForRest(), _ => !_isStopping);
        Receive<CarrierReplaced>(_ => _load?.OnCarrierReplaced(), _ => !_isStopping);
        Receive<ReceiversMoved>(_ => _load?.OnMoved(), _ => !_isStopping);
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
        _seating ??= SeatingOf(_dataPlane);
        _load ??= new LoadFollower(_seating, _crew, Timers, Self, _logger);
        try
        {
            for (var i = 0; i < _threads.Length; i++)
                _threads[i] ??= StartThread(i);
            _crew.TellSharers(_seating.Width);
        }
        catch (LinuxException cannotStart)
        {
            Sender.Tell(new StartFailed(cannotStart.Message));
            return;
        }

        _stats.Tell(new ReceiveThreadsChanged(Threads, Replaced: null));
        Sender.Tell(new ReceivingStarted());
    }

    // Pinned threads stay where they are.
    private static Seating SeatingOf(DataPlane dataPlane)
    {
        var options = dataPlane.Options;
        var isGathering = options.GatherReceivers && options.FuseThreads && options.ReceiveThreads.Cores.Concat(options.TunnelThreads.Cores).All(core => core is null);
        return new(dataPlane.TunnelThreads, dataPlane.Sockets.Count, isGathering);
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
        _crew.TellSharers(_seating!.Width);
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
}
