using Gwlbtun.Comparison.Handlers;

namespace Gwlbtun.Comparison.Measuring;

/// <summary>What a while cost in CPU time.</summary>
internal sealed class Expense
{
    private readonly Handler? _handler;
    private MachineTime _ofMachine;
    private TimeSpan? _ofHandler;

    private Expense(Handler? handler)
    {
        _handler = handler;
        _ofMachine = MachineTime.Read();
        _ofHandler = OfHandler();
    }

    public static Expense Begin(Handler? handler) => new(handler);

    /// <summary>The while is over.</summary>
    public void End()
    {
        _ofMachine = MachineTime.Read() - _ofMachine;
        _ofHandler = OfHandler() - _ofHandler;
    }

    /// <summary>The handler's own for each packet; null without one, when it has died, and without packets.</summary>
    public double? HandlerMicroseconds(long packets) => packets == 0 ? null : _ofHandler?.TotalMicroseconds / packets;

    /// <summary>Everybody's for each packet; null without packets.</summary>
    public double? MachineMicroseconds(long packets) => packets == 0 ? null : _ofMachine.Busy.TotalMicroseconds / packets;

    /// <summary>The part of the processors' time that the host of this virtual machine took away meanwhile, 0 to 1.</summary>
    public double StolenShare => _ofMachine.Total == TimeSpan.Zero ? 0 : _ofMachine.Stolen / _ofMachine.Total;

    private TimeSpan? OfHandler() => _handler?.IsAlive == true ? _handler.ProcessorTime : null;
}
