using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>One queue of one device, as its tunnel thread watches it.</summary>
internal sealed unsafe class QueueBinding(TunnelPort port, TunDevice device, int queue, CounterBlock* counters, uint generation)
{
    private const int MostSingles = 8;

    private int _singles;
    private int _nextSingles = 1;

    public TunnelPort Port { get; } = port;

    public TunDevice Device { get; } = device;

    public int Handle { get; } = device.QueueHandle(queue);

    public CounterBlock* Counters { get; } = counters;

    public uint Generation { get; } = generation;

    /// <summary>Where a list has this queue, if it does: for whoever keeps one, in the thread that reads the queue.</summary>
    public int Place { get; set; }

    /// <summary>
    /// Whether this turn reads one packet only. At a low rate each turn finds one, and a read that only learns that the queue is empty
    /// costs as much as the one that got it: while that has been so, the rest is left to epoll, which tells of a queue that has more.
    /// </summary>
    public bool TakeSingle()
    {
        if (_singles == 0)
            return false;
        _singles--;
        return true;
    }

    /// <summary>A turn read the queue until it was empty, and got so many packets.</summary>
    public void NoteEmptyAfter(int packets)
    {
        _nextSingles = packets <= 1 ? Math.Min(_nextSingles * 2, MostSingles) : 1;
        _singles = _nextSingles - 1;
    }
}
