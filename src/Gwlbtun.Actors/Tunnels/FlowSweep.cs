namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// Forgets an endpoint's idle flows and fragments, a slice of a millisecond at a time, so that neither a message of its actor nor a packet waits for long. A round
/// of a million flows is some tens of slices: a few seconds, at the hundredth part of one core.
/// </summary>
/// <param name="sweep">Visits about so many places of the tables, as of a time in milliseconds; true when it has come to their end.</param>
/// <param name="clock">What slices end by; null is the system's.</param>
internal sealed class FlowSweep(Func<long, int, bool> sweep, TimeProvider? clock = null)
{
    /// <summary>The pause after the last slice of a round.</summary>
    public static readonly TimeSpan BetweenRounds = TimeSpan.FromSeconds(1);

    /// <summary>The pause after any other slice; one tick of the scheduler, so it may become two.</summary>
    public static readonly TimeSpan BetweenSlices = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan _longestSlice = TimeSpan.FromMilliseconds(1);

    private const int PlacesPerStep = 256;

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;

    /// <summary>Sweeps one slice.</summary>
    /// <returns>The pause to make before the next.</returns>
    public TimeSpan Slice(long nowMs)
    {
        var started = _clock.GetTimestamp();
        do
        {
            if (sweep(nowMs, PlacesPerStep))
                return BetweenRounds;
        }
        while (_clock.GetElapsedTime(started) < _longestSlice);

        return BetweenSlices;
    }
}
