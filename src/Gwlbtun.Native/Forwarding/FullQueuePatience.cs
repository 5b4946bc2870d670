using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// How long to wait for a queue of the uplink that is full (ENOBUFS), of which no event tells when it has room. A link whose other end just lacks the processor has room within
/// milliseconds; one that is the bottleneck is not waited for all the time, for then all endpoints would come to a halt for it. One thread uses it.
/// </summary>
internal sealed class FullQueuePatience
{
    private const int WaitMs = 1;
    private const int MostWaits = 50;
    private const long EarnEveryMs = 10;

    private long _earnedMs = Environment.TickCount64;
    private long _waits = MostWaits;

    /// <summary>Waits for nothing once: the first real wait then finds nothing left to bind, which allocates.</summary>
    public FullQueuePatience() => Poll.Sleep(0);

    /// <summary>Waits a moment; false, and at once, when it has waited enough of late.</summary>
    public bool TryWait()
    {
        var earned = (Environment.TickCount64 - _earnedMs) / EarnEveryMs;
        _earnedMs += earned * EarnEveryMs;
        _waits = Math.Min(MostWaits, _waits + earned);
        if (_waits == 0)
            return false;
        _waits--;
        Poll.Sleep(WaitMs);
        return true;
    }
}
