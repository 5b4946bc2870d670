using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Counters with a single writer, in native memory, on cache lines of their own. Anybody may read: each value is a whole
/// 64-bit word, so that a reader sees it as it was at some moment, and never disturbs the writer.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CounterBlock
{
    /// <summary>Bytes from one block to the next: whole pairs of cache lines, since the prefetcher fetches pairs.</summary>
    public const int Stride = 384;

    public ulong Packets;
    public ulong Bytes;

    /// <summary>When a packet was last counted: <see cref="Environment.TickCount64"/>, 0 = never.</summary>
    public long LastMs;

    private fixed ulong _drops[DropReasons.Count];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Count(int bytes, long nowMs, uint packets = 1)
    {
        Packets += packets;
        Bytes += (ulong)bytes;
        LastMs = nowMs;
    }

    /// <summary>Counts a packet that was written into a device, or that the kernel refused, and why its flow was not learned.</summary>
    public void CountDelivery(WriteOutcome outcome, DropReason unlearned, int bytes, long nowMs)
    {
        if (unlearned != DropReason.None)
            Drop(unlearned);
        if (outcome == WriteOutcome.Written)
            Count(bytes, nowMs);
        else
            Drop(DropReason.TunWriteFailed);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Drop(DropReason reason, ulong packets = 1) => _drops[(int)reason] += packets;

    public ulong Drops(DropReason reason) => Volatile.Read(ref _drops[(int)reason]);

    public CounterSnapshot Snapshot() => new(Volatile.Read(ref Packets), Volatile.Read(ref Bytes), Volatile.Read(ref LastMs));
}

/// <summary>Counters as they were when read.</summary>
/// <param name="Packets">Packets.</param>
/// <param name="Bytes">Bytes.</param>
/// <param name="LastMs">When one was last counted, in milliseconds of <see cref="Environment.TickCount64"/>; 0 = never.</param>
public readonly record struct CounterSnapshot(ulong Packets, ulong Bytes, long LastMs);

/// <summary>A native array of <see cref="CounterBlock"/>.</summary>
internal sealed unsafe class CounterBlocks : IDisposable
{
    private byte* _blocks;

    public CounterBlocks(int count)
    {
        Count = count;
        var bytes = (nuint)count * CounterBlock.Stride;
        _blocks = (byte*)NativeMemory.AlignedAlloc(bytes, 128);
        NativeMemory.Clear(_blocks, bytes);
    }

    public int Count { get; }

    public CounterBlock* this[int index] => (CounterBlock*)(_blocks + ((nint)index * CounterBlock.Stride));

    public void AddDropsTo(Span<ulong> totals)
    {
        for (var i = 0; i < Count; i++)
        {
            for (var reason = 0; reason < DropReasons.Count; reason++)
                totals[reason] += this[i]->Drops((DropReason)reason);
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_blocks);
        _blocks = null;
    }
}
