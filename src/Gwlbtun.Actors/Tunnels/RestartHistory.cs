using Gwlbtun.Actors.Configuration;

namespace Gwlbtun.Actors.Tunnels;

/// <summary>
/// When something failed, within <see cref="RestartSettings.Window"/>: decides how long to wait before the next try, and whether there is to be one.
/// </summary>
internal sealed class RestartHistory(RestartSettings settings, Random random)
{
    private readonly Queue<DateTimeOffset> _failures = new();

    /// <summary>Failures within the window, as of the last one.</summary>
    public int Failures => _failures.Count;

    /// <summary>Forgets every failure.</summary>
    public void Clear() => _failures.Clear();

    /// <summary>Notes a failure.</summary>
    /// <param name="now">When.</param>
    /// <param name="exhausted">Whether there were more than <see cref="RestartSettings.MaxTries"/> within the window.</param>
    /// <returns>How long to wait before the next try: doubling with each failure in the window, with jitter.</returns>
    public TimeSpan Note(DateTimeOffset now, out bool exhausted)
    {
        while (_failures.TryPeek(out var oldest) && now - oldest > settings.Window)
            _failures.Dequeue();
        _failures.Enqueue(now);
        exhausted = _failures.Count > settings.MaxTries;

        var wait = settings.MinBackoff * Math.Pow(2, Math.Min(_failures.Count - 1, 30));
        if (wait > settings.MaxBackoff)
            wait = settings.MaxBackoff;
        return wait * (1 + (settings.Jitter * ((2 * random.NextDouble()) - 1)));
    }
}
