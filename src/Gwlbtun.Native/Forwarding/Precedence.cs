using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Whether a data thread gets a core before other threads do: while its packets are few, for then each waits for nothing but that. When they are many, to
/// interrupt others for every few of them only keeps batches small: the packets of 59,000 flows then cost half as much again. The thread itself uses it.
/// </summary>
internal sealed class Precedence(int nice)
{
    // Received, or read from a device, in a second.
    private const long Many = 100_000;
    private const long WindowMs = 10;

    private long _packets;
    private long _windowStart;
    private bool _mayTake;
    private bool _isTaken;

    /// <summary>Takes precedence, if so wished and allowed; a nice value above 0 stays in force for good.</summary>
    public void Start()
    {
        _windowStart = Environment.TickCount64;
        // If it is refused now it is for good: the program's start has warned of it.
        _isTaken = nice != 0 && !NiceValue.Set(nice).IsError && nice < 0;
        _mayTake = _isTaken;
    }

    /// <summary>Packets that were received or read.</summary>
    public void Note(int packets) => _packets += packets;

    /// <summary>Takes or gives up precedence, after every turn.</summary>
    public void Adapt()
    {
        if (!_mayTake)
            return;
        var now = Environment.TickCount64;
        var elapsed = now - _windowStart;
        if (elapsed < WindowMs)
            return;
        var isFew = _packets * 1000 < Many * elapsed;
        _packets = 0;
        _windowStart = now;
        if (isFew == _isTaken)
            return;
        _isTaken = isFew;
        _ = NiceValue.Set(isFew ? nice : 0);
    }
}
