namespace Gwlbtun.Actors.Receiving;

/// <summary>
/// Whether it pays that more tunnel threads carry the receive threads, or fewer: found out by trying. More of them find fewer packets each time that they wake, and take cores from
/// whatever else runs on the machine; where packets wait for that, they cost more and bring nothing. Times are since the machine's start.
/// </summary>
internal sealed class WidthTrial
{
    /// <summary>So many times the packets are worth more threads; so much of them is worth fewer.</summary>
    public const double Gain = 1.1;

    /// <summary>When fewer threads do so much better, more of them were a mistake; else the load may just have become less.</summary>
    public const double Better = 1.05;

    /// <summary>With so much less than before, the load itself has gone.</summary>
    public const double Gone = 0.5;

    private readonly Rest _wider = new();
    private readonly Rest _narrower = new();
    private bool _isWider;
    private double _packetsBefore;
    private bool _wasBehind;

    /// <summary>Whether one has begun and not ended.</summary>
    public bool IsUnderWay { get; private set; }

    /// <summary>Whether more threads may be tried. When packets will be lost if nothing is done, it is sooner.</summary>
    /// <param name="now">The present time.</param>
    /// <param name="isBehind">Whether more than a burst waits in a receive socket.</param>
    public bool MayWiden(TimeSpan now, bool isBehind) => !IsUnderWay && _wider.IsOver(now, isBehind);

    /// <summary>Whether fewer may be tried.</summary>
    /// <param name="now">The present time.</param>
    public bool MayNarrow(TimeSpan now) => !IsUnderWay && _narrower.IsOver(now);

    /// <summary>A trial begins.</summary>
    /// <param name="isWider">Whether more threads are tried; else fewer.</param>
    /// <param name="packetsPerSecond">What was received before it, packets/s.</param>
    /// <param name="isBehind">Whether more than a burst waited in a receive socket.</param>
    public void Begin(bool isWider, double packetsPerSecond, bool isBehind)
    {
        IsUnderWay = true;
        _isWider = isWider;
        _packetsBefore = packetsPerSecond;
        _wasBehind = isBehind;
    }

    /// <summary>It ends.</summary>
    /// <param name="now">The present time.</param>
    /// <param name="packetsPerSecond">What was received during it, packets/s.</param>
    /// <param name="isBehind">Whether more than a burst waits in a receive socket.</param>
    /// <param name="needsMoreCores">Whether the threads had no end of work, and other cores had none.</param>
    /// <returns>Whether it is to stay so. More threads have to bring more packets, or to have taken what had waited; fewer have to do nearly as well, and to have time left.</returns>
    public bool End(TimeSpan now, double packetsPerSecond, bool isBehind, bool needsMoreCores)
    {
        IsUnderWay = false;
        return _isWider ? EndWider(now, packetsPerSecond, isBehind) : EndNarrower(now, packetsPerSecond, isBehind || needsMoreCores);
    }

    /// <summary>It ends, and nothing can be said of it.</summary>
    public void Abandon() => IsUnderWay = false;

    /// <summary>What was found out may hold no longer: all may be tried.</summary>
    public void Forget()
    {
        _wider.Forget();
        _narrower.Forget();
    }

    private bool EndWider(TimeSpan now, double packetsPerSecond, bool isBehind)
    {
        var hasPaid = packetsPerSecond >= _packetsBefore * Gain || (_wasBehind && !isBehind);
        if (hasPaid)
            _narrower.Begin(now);
        else if (packetsPerSecond >= _packetsBefore * Gone)
            _wider.BeginLonger(now);
        else
            _wider.Begin(now);
        return hasPaid;
    }

    private bool EndNarrower(TimeSpan now, double packetsPerSecond, bool isTooMuch)
    {
        var isEnough = packetsPerSecond >= _packetsBefore / Gain && !isTooMuch;
        if (isEnough && packetsPerSecond >= _packetsBefore * Better)
        {
            _wider.BeginLonger(now);
        }
        else if (isEnough)
        {
            _wider.Begin(now);
        }
        else
        {
            _narrower.BeginLonger(now);
            _wider.Forget();
        }

        return isEnough;
    }

    /// <summary>A time without trials, twice as long each time; a fifth of it when that is urgent.</summary>
    private sealed class Rest
    {
        private const int Urgent = 5;

        private static readonly TimeSpan _shortest = TimeSpan.FromSeconds(10);
        private static readonly TimeSpan _longest = TimeSpan.FromMinutes(1);

        private TimeSpan _length;
        private TimeSpan _since;

        public bool IsOver(TimeSpan now, bool isUrgent = false) => now - _since >= (isUrgent ? _length / Urgent : _length);

        public void Begin(TimeSpan now)
        {
            _length = _shortest;
            _since = now;
        }

        public void BeginLonger(TimeSpan now)
        {
            // After a long time without any it is another load.
            var longer = now - _since > 2 * _longest ? _shortest : 2 * _length;
            _length = longer < _shortest ? _shortest : longer > _longest ? _longest : longer;
            _since = now;
        }

        public void Forget() => _length = TimeSpan.Zero;
    }
}
