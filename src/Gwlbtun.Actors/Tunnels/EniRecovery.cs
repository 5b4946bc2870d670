using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Wire;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// What becomes of an endpoint whose tunnel has failed: it is rebuilt after a wait that grows with each failure, or, when it fails too often, parked. The
/// packets of a parked endpoint are dropped, for a time that gives whoever is at fault a chance.
/// </summary>
/// <param name="restart">How long to wait, and how often to try.</param>
/// <param name="timers">The timers of <see cref="TunnelSupervisor"/>, which gets the messages below when a wait is over.</param>
/// <param name="clock">Tells when a tunnel failed.</param>
/// <param name="stats">Is told of states.</param>
/// <param name="logger">Where failures are logged.</param>
internal sealed class EniRecovery(RestartSettings restart, ITimerScheduler timers, ITimeProvider clock, IActorRef stats, ILogger logger)
{
    public void NoteFailure(EniEntry entry, Exception failure)
    {
        var reason = failure.Message.TrimEnd('.');
        var wait = entry.History.Note(clock.Now, out var isExhausted);
        if (isExhausted)
            Park(entry, $"{reason} (failure {entry.History.Failures} within {restart.Window.TotalSeconds} s)");
        else if (failure is CreateHookFailedException)
            Park(entry, reason);
        else
            RebuildAfter(wait, entry, reason);
    }

    /// <summary>Ends an endpoint's time as a parked one: its packets wait again, and what it failed before no longer counts.</summary>
    public void Unpark(EniEntry entry)
    {
        entry.History.Clear();
        entry.Gate.Hold();
        logger.EniUnparked(entry.Name);
    }

    /// <summary>A parked endpoint has no actor that would forget its idle flows, and what it keeps is missing to the others.</summary>
    public void SweepParked(EniEntry? entry)
    {
        if (entry is { Actor: null, Sweep: { } sweep })
            ScheduleSweep(entry, sweep.Slice(Environment.TickCount64));
    }

    private void RebuildAfter(TimeSpan wait, EniEntry entry, string reason)
    {
        stats.Tell(entry.State(EniState.Rebuilding, reason));
        timers.StartSingleTimer((nameof(RebuildEni), entry.Gate.EniId), new RebuildEni(entry.Gate.EniId), wait);
        logger.TunnelFailed(
            entry.Name, reason, (long)wait.TotalMilliseconds, entry.History.Failures, restart.MaxTries, restart.Window.TotalSeconds);
    }

    private void Park(EniEntry entry, string reason)
    {
        entry.Gate.Refuse(DropReason.EniParked);
        ScheduleSweep(entry, FlowSweep.BetweenRounds);
        stats.Tell(entry.State(EniState.Parked, reason));
        if (restart.ParkTimeout == TimeSpan.Zero)
        {
            logger.EniParked(entry.Name, reason);
            return;
        }

        timers.StartSingleTimer((nameof(UnparkEni), entry.Gate.EniId), new UnparkEni(entry.Gate.EniId), restart.ParkTimeout);
        logger.EniParkedFor(entry.Name, restart.ParkTimeout.TotalSeconds, reason);
    }

    private void ScheduleSweep(EniEntry entry, TimeSpan wait) =>
        timers.StartSingleTimer((nameof(SweepParkedEni), entry.Gate.EniId), new SweepParkedEni(entry.Gate.EniId), wait);
}

/// <summary>The wait after a failure is over.</summary>
internal sealed record RebuildEni(ulong EniId);

/// <summary>The endpoint has been parked for long enough.</summary>
internal sealed record UnparkEni(ulong EniId);

/// <summary>The endpoint's idle flows are to be looked for, if it is still parked.</summary>
internal sealed record SweepParkedEni(ulong EniId);
