using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// A table's counters, each on a cache line of its own. They are touched when a flow comes or goes, not by its packets.
/// </summary>
internal sealed unsafe class FlowCounters : IDisposable
{
    private const int CacheLine = 64;
    private const int Protocols = 3;
    private const int Classes = 2 * Protocols;
    private const int TimedOutFrom = Classes;
    private const int EvictedAt = 2 * Classes;
    private const int TotalAt = EvictedAt + 1;
    private const int Lines = TotalAt + 1;

    private readonly byte* _lines;
    private readonly long _maxFlows;
    private readonly FlowBudget? _budget;

    // Flows that need nothing of the budget's shared part.
    private readonly long _floor;

    /// <param name="maxFlows">What the table may hold by itself.</param>
    /// <param name="budget">What it may hold together with others, or null when it stands alone.</param>
    public FlowCounters(long maxFlows, FlowBudget? budget)
    {
        _maxFlows = maxFlows;
        _budget = budget;
        _floor = budget?.Join() ?? long.MaxValue;
        _lines = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, CacheLine);
        NativeMemory.Clear(_lines, (nuint)Bytes);
    }

    /// <summary>What the table may hold at most, all others being empty.</summary>
    public long MaxFlows => Math.Min(_maxFlows, _budget?.MaxOfOne ?? long.MaxValue);

    public static int Bytes => Lines * CacheLine;

    public long Evicted => Volatile.Read(ref Line(EvictedAt));

    public long Count(FlowFamily family, FlowProtocol protocol) => Volatile.Read(ref Line(ClassOf(family, protocol)));

    public long Count(FlowFamily family) =>
        Count(family, FlowProtocol.Tcp) + Count(family, FlowProtocol.Udp) + Count(family, FlowProtocol.Other);

    public long TimedOut(FlowFamily family, FlowProtocol protocol) =>
        Volatile.Read(ref Line(TimedOutFrom + ClassOf(family, protocol)));

    /// <summary>Whether the table has flows that others need more, if they are weak.</summary>
    public bool OwesFlows
    {
        get
        {
            long held = Volatile.Read(ref Line(TotalAt)) - _floor;
            return held > 0 && _budget!.IsWantedBack(held);
        }
    }

    /// <summary>Takes one of the flows that the table may hold; false when it holds all of them, or the budget is used up.</summary>
    /// <param name="isAllEstablished">Whether an established flow would have to go instead.</param>
    public bool TryReserve(bool isAllEstablished = false)
    {
        while (true)
        {
            long count = Volatile.Read(ref Line(TotalAt));
            if (count >= _maxFlows)
                return false;

            // Every step of the count above the floor goes with one unit of the budget.
            bool shares = count >= _floor;
            if (shares && !_budget!.TryTake(count - _floor, isAllEstablished))
                return false;
            if (Interlocked.CompareExchange(ref Line(TotalAt), count + 1, count) == count)
                return true;
            if (shares)
                _budget!.GiveBack();
        }
    }

    /// <summary>Gives back what was reserved for a flow that did not come to be, or has gone.</summary>
    public void Unreserve()
    {
        if (Interlocked.Decrement(ref Line(TotalAt)) >= _floor)
            _budget!.GiveBack();
    }

    /// <summary>A flow, reserved before, is in the table.</summary>
    public void Added(FlowFamily family, byte protocol) =>
        Interlocked.Increment(ref Line(ClassOf(family, FlowKey.KindOf(protocol))));

    /// <summary>A flow has gone for being idle.</summary>
    public void Expired(FlowFamily family, byte protocol)
    {
        int index = ClassOf(family, FlowKey.KindOf(protocol));
        Interlocked.Decrement(ref Line(index));
        Interlocked.Increment(ref Line(TimedOutFrom + index));
        Unreserve();
    }

    /// <summary>A flow has given way; its place is still reserved.</summary>
    public void GaveWay(FlowFamily family, byte protocol)
    {
        Interlocked.Decrement(ref Line(ClassOf(family, FlowKey.KindOf(protocol))));
        Interlocked.Increment(ref Line(EvictedAt));
    }

    public void Dispose()
    {
        _budget?.Leave(_floor, Math.Max(0, Line(TotalAt) - _floor));
        NativeMemory.AlignedFree(_lines);
    }

    private static int ClassOf(FlowFamily family, FlowProtocol protocol) => ((int)family * Protocols) + (int)protocol;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref long Line(int index) => ref *(long*)(_lines + (index * CacheLine));
}
