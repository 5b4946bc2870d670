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

    public FlowCounters(long maxFlows)
    {
        _maxFlows = maxFlows;
        _lines = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, CacheLine);
        NativeMemory.Clear(_lines, (nuint)Bytes);
    }

    public static int Bytes => Lines * CacheLine;

    public long Evicted => Volatile.Read(ref Line(EvictedAt));

    public long Count(FlowFamily family, FlowProtocol protocol) => Volatile.Read(ref Line(ClassOf(family, protocol)));

    public long Count(FlowFamily family) =>
        Count(family, FlowProtocol.Tcp) + Count(family, FlowProtocol.Udp) + Count(family, FlowProtocol.Other);

    public long TimedOut(FlowFamily family, FlowProtocol protocol) =>
        Volatile.Read(ref Line(TimedOutFrom + ClassOf(family, protocol)));

    /// <summary>Takes one of the flows that the table may hold; false when it holds all of them.</summary>
    public bool TryReserve()
    {
        if (Interlocked.Increment(ref Line(TotalAt)) <= _maxFlows)
            return true;
        Interlocked.Decrement(ref Line(TotalAt));
        return false;
    }

    /// <summary>Gives back what was reserved for a flow that did not come to be, or has gone.</summary>
    public void Unreserve() => Interlocked.Decrement(ref Line(TotalAt));

    /// <summary>A flow, reserved before, is in the table.</summary>
    public void Added(FlowFamily family, byte protocol) =>
        Interlocked.Increment(ref Line(ClassOf(family, FlowKey.KindOf(protocol))));

    /// <summary>A flow has gone for being idle.</summary>
    public void Expired(FlowFamily family, byte protocol)
    {
        int index = ClassOf(family, FlowKey.KindOf(protocol));
        Interlocked.Decrement(ref Line(index));
        Interlocked.Decrement(ref Line(TotalAt));
        Interlocked.Increment(ref Line(TimedOutFrom + index));
    }

    /// <summary>A flow has given way to another; its place is still reserved.</summary>
    public void GaveWay(FlowFamily family, byte protocol)
    {
        Interlocked.Decrement(ref Line(ClassOf(family, FlowKey.KindOf(protocol))));
        Interlocked.Increment(ref Line(EvictedAt));
    }

    public void Dispose() => NativeMemory.AlignedFree(_lines);

    private static int ClassOf(FlowFamily family, FlowProtocol protocol) => ((int)family * Protocols) + (int)protocol;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref long Line(int index) => ref *(long*)(_lines + (index * CacheLine));
}
