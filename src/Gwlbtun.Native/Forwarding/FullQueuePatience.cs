using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// How long to wait for a queue of the uplink that is full (ENOBUFS), of which no event tells when it has room. A link whose other end just lacks the processor has room within
/// milliseconds; one that is the bottleneck is not waited for all the time, for then all endpoints would come to a halt for it. One thread uses it.
/// </summary>
/// <param name="clock">By which it measures.</param>
/// <param name="sleep">Waits for so many milliseconds, or longer.</param>
internal sealed class FullQueuePatience(TimeProvider clock, Action<int> sleep)
{
    /// <summary>How long it waits in one go at most.</summary>
    internal const int MostMs = 50;

    /// <summary>One part of the time goes to waiting at most, in the long run.</summary>
    internal const int PartOfTime = 10;

    private const int WaitMs = 1;

    // What may be waited still, and when that was so.
    private double _leftMs = MostMs;
    private long _asOf = clock.GetTimestamp();

    /// <summary>By the machine's clock. Waits for nothing once: the first real wait then finds nothing left to bind, which allocates.</summary>
    public FullQueuePatience()
        : this(TimeProvider.System, Poll.Sleep) => Poll.Sleep(0);

    /// <summary>Waits a moment; false, and at once, when it has waited enough of late.</summary>
    public bool TryWait()
    {
        _leftMs = Math.Min(MostMs, _leftMs + (TakeElapsed() / PartOfTime));
        if (_leftMs < WaitMs)
            return false;
        sleep(WaitMs);
        // What it took, not what was asked for: where processors are short, a thread wakes up late.
        _leftMs -= TakeElapsed();
        return true;
    }

    private double TakeElapsed()
    {
        var now = clock.GetTimestamp();
        var elapsed = clock.GetElapsedTime(_asOf, now).TotalMilliseconds;
        _asOf = now;
        return elapsed;
    }
}
