using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Whether a data thread gets a core before other threads do: while its packets are few, for then each waits for nothing but that. When they are many, to
/// interrupt others for every few of them only keeps batches small: the packets of 59,000 flows then cost half as much again. But not when the thread
/// has fallen behind: then others would take what it needs. The thread itself uses it.
/// </summary>
internal sealed class Precedence(int nice)
{
    // Datagrams received and packets read from devices in a second, by all threads that share the load: what is merged counts once, what is returned at both ends.
    private const long Many = 100_000;

    /// <summary>For how long packets are counted before it is looked at anew, in milliseconds.</summary>
    internal const long WindowMs = 10;

    private long _taken;
    private long _windowStart;
    private int _without;
    private bool _mayTake;
    private bool _isTaken;
    private volatile int _sharers = 1;

    /// <summary>Among how many threads the load is divided, this one included. Any thread may set it.</summary>
    public int Sharers
    {
        get => _sharers;
        set => _sharers = value;
    }

    /// <summary>Takes precedence, if so wished and allowed; a nice value that gives none stays in force for good.</summary>
    /// <param name="nowMs">The time in milliseconds, by any clock that goes on.</param>
    public void Start(long nowMs)
    {
        _windowStart = nowMs;
        _without = NiceValue.Get();
        // If it is refused now it is for good: the program's start has warned of it.
        _isTaken = nice != 0 && !NiceValue.Set(nice).IsError && nice < _without;
        _mayTake = _isTaken;
    }

    /// <summary>Datagrams that were received, or packets that were read.</summary>
    public void Note(int taken) => _taken += taken;

    /// <summary>Whether it is time to look at it anew; asked for after every turn.</summary>
    /// <param name="nowMs">The time in milliseconds.</param>
    /// <param name="areFew">Whether packets have been few since the last time.</param>
    public bool TryEndWindow(long nowMs, out bool areFew)
    {
        areFew = false;
        if (!_mayTake)
            return false;
        var elapsed = nowMs - _windowStart;
        if (elapsed < WindowMs)
            return false;
        areFew = _taken * 1000 * _sharers < Many * elapsed;
        _taken = 0;
        _windowStart = nowMs;
        return true;
    }

    /// <summary>Takes or gives up precedence.</summary>
    public void Adapt(bool isDue)
    {
        if (isDue != _isTaken && !NiceValue.Change(isDue ? nice : _without).IsError)
            _isTaken = isDue;
    }
}
