using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// When another data thread takes the place of one that died: after a wait that grows with each death and each try that fails. A thread is never
/// given up: the longest wait is the bound.
/// </summary>
/// <param name="restart">How long to wait.</param>
/// <param name="timers">The timers of the threads' owner, which gets <see cref="ReplaceThread"/> when a wait is over.</param>
/// <param name="clock">Tells when a thread died.</param>
/// <param name="logger">Where deaths are logged.</param>
internal sealed class ThreadReplacement(RestartSettings restart, ITimerScheduler timers, ITimeProvider clock, ILogger logger)
{
    private readonly Dictionary<int, RestartHistory> _histories = [];

    public void NoteDeath(DataThread dead, Exception cause)
    {
        var wait = Wait(dead);
        logger.ThreadDied(cause, dead.Name, (long)wait.TotalMilliseconds);
    }

    /// <summary>Tries to start another, and if it cannot be had, waits for the next try.</summary>
    /// <returns>Whether it runs.</returns>
    public bool TryReplace(DataThread dead, Action start)
    {
        try
        {
            start();
            return true;
        }
        catch (LinuxException cannotStart)
        {
            var wait = Wait(dead);
            logger.ThreadNotReplaced(dead.Name, cannotStart.Message, (long)wait.TotalMilliseconds);
            return false;
        }
    }

    private TimeSpan Wait(DataThread dead)
    {
        if (!_histories.TryGetValue(dead.Index, out var history))
            _histories.Add(dead.Index, history = new RestartHistory(restart, Random.Shared));
        var wait = history.Note(clock.Now, out _);
        timers.StartSingleTimer((nameof(ReplaceThread), dead.Index), new ReplaceThread(dead), wait);
        return wait;
    }
}

/// <summary>The wait is over: start another thread in the place of this one.</summary>
internal sealed record ReplaceThread(DataThread Dead);
