using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// One endpoint's counters: a block for each thread that counts, so that no two threads write the same line. They outlive
/// the endpoint's devices, so that a rebuilt tunnel goes on counting.
/// </summary>
public sealed unsafe class EniCounters : IDisposable
{
    private readonly int _receiveThreads;
    private readonly int _tunnelThreads;
    private readonly CounterBlocks _blocks;

    internal EniCounters(int receiveThreads, int tunnelThreads)
    {
        _receiveThreads = receiveThreads;
        _tunnelThreads = tunnelThreads;
        _blocks = new(receiveThreads + 2 + (2 * tunnelThreads));
    }

    /// <summary>What was written into gwi by all threads together.</summary>
    public CounterSnapshot Delivered
    {
        get
        {
            ulong packets = 0, bytes = 0;
            long last = 0;
            for (var i = 0; i <= _receiveThreads; i++)
            {
                var part = _blocks[i]->Snapshot();
                packets += part.Packets;
                bytes += part.Bytes;
                last = Math.Max(last, part.LastMs);
            }

            return new(packets, bytes, last);
        }
    }

    /// <summary>When a packet last went through in either direction, in milliseconds of <see cref="Environment.TickCount64"/>; 0 = never.</summary>
    public long LastActivityMs
    {
        get
        {
            long last = 0;
            for (var i = 0; i < _blocks.Count; i++)
                last = Math.Max(last, _blocks[i]->Snapshot().LastMs);
            return last;
        }
    }

    /// <summary>What tunnel thread <paramref name="thread"/> read from gwi.</summary>
    public CounterSnapshot ReadFromIngress(int thread) => FromIngress(thread)->Snapshot();

    /// <summary>What tunnel thread <paramref name="thread"/> read from gwo.</summary>
    public CounterSnapshot ReadFromEgress(int thread) => FromEgress(thread)->Snapshot();

    /// <summary>Adds this endpoint's drops to <paramref name="totals"/>, indexed by <see cref="DropReason"/>.</summary>
    public void AddDropsTo(Span<ulong> totals) => _blocks.AddDropsTo(totals);

    internal CounterBlock* ByReceiveThread(int thread) => _blocks[thread];

    /// <summary>For whoever writes held packets; serialised by the gate.</summary>
    internal CounterBlock* ByGate => _blocks[_receiveThreads];

    /// <summary>For fragments that waited in vain; serialised by <see cref="WaitingFragments"/>.</summary>
    internal CounterBlock* ByWaitingFragments => _blocks[_blocks.Count - 1];

    internal CounterBlock* FromIngress(int thread) => _blocks[_receiveThreads + 1 + thread];

    internal CounterBlock* FromEgress(int thread) => _blocks[_receiveThreads + 1 + _tunnelThreads + thread];

    /// <inheritdoc/>
    public void Dispose() => _blocks.Dispose();
}
