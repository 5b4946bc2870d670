using System.Reflection;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>
/// What a data thread writes for each packet lies in no cache line, nor in the pair of lines that the prefetcher fetches, where another thread writes or reads for each
/// packet. The flow tables alone are shared: a packet's own bucket.
/// </summary>
public sealed unsafe class CacheLineSpecs
{
    private const int LinePair = 128;
    private const int ReceiveThreads = 3;
    private const int TunnelThreads = 2;

    [Fact]
    public void Should_give_each_block_of_counters_whole_pairs_of_lines()
    {
        using var blocks = new CounterBlocks(4);

        Assert.Equal(0, CounterBlock.Stride % LinePair);
        Assert.InRange(sizeof(CounterBlock), 1, CounterBlock.Stride);
        for (var i = 0; i < blocks.Count; i++)
            Assert.Equal(0, (nint)blocks[i] % LinePair);
    }

    [Fact]
    public void Should_give_each_thread_a_block_of_its_own_for_every_endpoint_and_device()
    {
        using var counters = new EniCounters(ReceiveThreads, TunnelThreads);
        List<nint> blocks = [(nint)counters.ByGate, (nint)counters.ByWaitingFragments];
        for (var i = 0; i < ReceiveThreads; i++)
            blocks.Add((nint)counters.ByReceiveThread(i));
        for (var i = 0; i < TunnelThreads; i++)
            blocks.AddRange([(nint)counters.FromIngress(i), (nint)counters.FromEgress(i)]);

        blocks.Sort();
        Assert.All(blocks.Zip(blocks.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, CounterBlock.Stride, nint.MaxValue));
    }

    /// <summary>Wherever the heap puts it: the number stands a pair of lines from both ends of what holds it.</summary>
    [Fact]
    public void Should_keep_each_threads_turn_away_from_all_else()
    {
        var padded = Assert.Single(typeof(Quiescence.Turn).GetFields(BindingFlags.Instance | BindingFlags.NonPublic)).FieldType;
        var number = Assert.Single(padded.GetFields(BindingFlags.Instance | BindingFlags.Public));

        var offset = (int)Marshal.OffsetOf(padded, number.Name);
        Assert.InRange(offset, LinePair - sizeof(long), int.MaxValue);
        Assert.InRange(Marshal.SizeOf(padded) - offset, LinePair, int.MaxValue);
    }
}
