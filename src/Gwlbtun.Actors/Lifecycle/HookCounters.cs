namespace Gwlbtun.Actors.Lifecycle;

/// <summary>How hooks went since the start. Written by <see cref="LifecycleActor"/> alone, read by anyone.</summary>
public sealed class HookCounters
{
    private ulong _run;
    private ulong _failed;
    private ulong _timedOut;

    /// <summary>Hooks that ended, or could not be started.</summary>
    public ulong Run => Volatile.Read(ref _run);

    /// <summary>Of these, how many failed: an exit code other than 0, a signal, or not startable.</summary>
    public ulong Failed => Volatile.Read(ref _failed);

    /// <summary>Of these, how many were ended at <c>hooks.timeout</c>.</summary>
    public ulong TimedOut => Volatile.Read(ref _timedOut);

    internal void Count(HookOutcome outcome)
    {
        Volatile.Write(ref _run, _run + 1);
        if (outcome == HookOutcome.Failed)
            Volatile.Write(ref _failed, _failed + 1);
        else if (outcome == HookOutcome.TimedOut)
            Volatile.Write(ref _timedOut, _timedOut + 1);
    }
}
