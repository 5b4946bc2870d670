using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// How long to wait for a queue of the uplink that is full (ENOBUFS), of which no event tells when it has room. A link whose other end just lacks the processor has room within
/// milliseconds; one that is the bottleneck is not waited for all the time, for then all endpoints would come to a halt for it. One thread uses it.
/// </summary>
internal sealed class FullQueuePatience
{
    private const int WaitMs = 1;
    private const int MostWaits = 10;
    private const long WindowMs = 100;

    private long _windowStart = -WindowMs;
    private int _waitsLeft;

    /// <summary>Waits a moment; false, and at once, when it has waited enough of late.</summary>
    public bool TryWait()
    {
        var now = Environment.TickCount64;
        if (now - _windowStart >= WindowMs)
        {
            _windowStart = now;
            _waitsLeft = MostWaits;
        }

        if (_waitsLeft == 0)
            return false;
        _waitsLeft--;
        Poll.Sleep(WaitMs);
        return true;
    }
}
