using Gwlbtun.Comparison.Handlers;

namespace Gwlbtun.Comparison.Measuring;

/// <summary>What the packets of a while cost in CPU time.</summary>
internal sealed class Expense
{
    private readonly Handler? _handler;
    private readonly TimeSpan _machineBefore, _handlerBefore;

    private Expense(Handler? handler)
    {
        _handler = handler;
        _machineBefore = ProcessorClock.OfMachine();
        _handlerBefore = OfHandler() ?? TimeSpan.Zero;
    }

    /// <summary>The handler's own, for each packet; null without one, or when it has died.</summary>
    public double? HandlerMicroseconds { get; private set; }

    /// <summary>Everybody's, for each packet.</summary>
    public double? MachineMicroseconds { get; private set; }

    public static Expense Begin(Handler? handler) => new(handler);

    /// <summary>Says for how many packets it was.</summary>
    public void End(long packets)
    {
        if (packets == 0)
            return;
        HandlerMicroseconds = (OfHandler() - _handlerBefore)?.TotalMicroseconds / packets;
        MachineMicroseconds = (ProcessorClock.OfMachine() - _machineBefore).TotalMicroseconds / packets;
    }

    private TimeSpan? OfHandler() => _handler?.IsAlive == true ? _handler.ProcessorTime : null;
}
