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
    private readonly RestartHistory[] _histories;

    private bool _isStopping;

    public ReceiverActor(DataPlane dataPlane, RestartSettings restart, IActorRef stats, ILogger logger)
    {
        _dataPlane = dataPlane;
        _restart = restart;
        _stats = stats;
        _logger = logger;
        _threads = new ReceiveThread?[dataPlane.Sockets.Count];
        _histories = [.. _threads.Select(_ => new RestartHistory(_restart, Random.Shared))];

        Receive<StartReceiving>(_ => OnStart());
        Receive<ReceiveThreadDied>(OnThreadDied, died => died.Thread == _threads[died.Thread.Index]);
        Receive<ReplaceThread>(replace => OnReplace(replace.Dead));
        Receive<ThreadForgotten>(forgotten => forgotten.Thread.Dispose());
        Receive<StopReceiving>(_ => OnStop());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private IReadOnlyList<ReceiveThread> Threads => [.. _threads.OfType<ReceiveThread>()];

    public static Props Props(DataPlane dataPlane, RestartSettings restart, IActorRef stats, ILogger logger) =>
        Akka.Actor.Props.Create(() => new ReceiverActor(dataPlane, restart, stats, logger));

    protected override void PostStop() => _ = EndAsync();

    private void OnStart()
    {
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
        thread.StartBeside(_dataPlane.TunnelThreads);
        return thread;
    }

    private void OnThreadDied(ReceiveThreadDied died)
    {
        var wait = Note(died.Thread.Index);
        ReplaceLater(died.Thread, wait);
        _logger.ThreadDied(died.Cause, died.Thread.Name, (long)wait.TotalMilliseconds);
    }

    private void OnReplace(ReceiveThread dead)
    {
        if (_isStopping)
            return;
        try
        {
            _threads[dead.Index] = StartThread(dead.Index);
        }
        catch (LinuxException cannotStart)
        {
            var wait = Note(dead.Index);
            _logger.ThreadNotReplaced(dead.Name, cannotStart.Message, (long)wait.TotalMilliseconds);
            ReplaceLater(dead, wait);
            return;
        }

        _stats.Tell(new ReceiveThreadsChanged(Threads, dead));
        _logger.ThreadReplaced(dead.Name);
    }

    /// <summary>A thread is never given up: the longest wait is the bound.</summary>
    private TimeSpan Note(int index) => _histories[index].Note(Context.System.Scheduler.Now, out _);

    private void ReplaceLater(ReceiveThread dead, TimeSpan wait) =>
        Timers.StartSingleTimer((nameof(ReplaceThread), dead.Index), new ReplaceThread(dead), wait);

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

    private sealed record ReplaceThread(ReceiveThread Dead);
}
