using Gwlbtun.Native.Flows;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Datagrams of one endpoint that wait, in order, for its tunnel. Bounded by <see cref="HoldLimits"/>. Not thread-safe: the gate's lock guards it.
/// </summary>
internal sealed class HoldQueue(HoldLimits limits, PacketBatchPool pool)
{
    private List<PacketBatch> _batches = [];
    private long _bytes;

    /// <summary>Datagrams that wait.</summary>
    public int Count { get; private set; }

    /// <summary>Appends a copy; false when a bound is reached.</summary>
    /// <param name="datagram">The datagram.</param>
    /// <param name="path">Its outer addresses.</param>
    /// <param name="queue">The device queue that it is to be written through.</param>
    public bool TryAppend(ReadOnlySpan<byte> datagram, in OuterPath path, int queue)
    {
        if (Count >= limits.PacketsPerEni || _bytes + datagram.Length > limits.BytesPerEni || !pool.TryReserve(datagram.Length))
            return false;
        if (_batches.Count == 0 || !_batches[^1].TryAppend(datagram, path, queue))
        {
            var batch = pool.Rent();
            _ = batch.TryAppend(datagram, path, queue);
            _batches.Add(batch);
        }

        _bytes += datagram.Length;
        Count++;
        return true;
    }

    /// <summary>Takes everything out; what was taken is given back with <see cref="Release"/>.</summary>
    public HeldPackets TakeAll()
    {
        var taken = new HeldPackets(_batches, _bytes);
        _batches = [];
        _bytes = 0;
        Count = 0;
        return taken;
    }

    /// <summary>Puts back what was taken and not read, before all that has come since.</summary>
    public void PutBack(HeldPackets packets)
    {
        _batches.InsertRange(0, packets.Batches);
        _bytes += packets.Bytes;
        Count += packets.Count;
    }

    /// <summary>Gives back the memory of what was taken.</summary>
    public void Release(HeldPackets packets)
    {
        pool.Release(packets.Bytes);
        packets.Batches.ForEach(pool.Return);
    }

    /// <summary>Forgets what waits.</summary>
    /// <returns>How many datagrams.</returns>
    public int Discard()
    {
        var count = Count;
        Release(TakeAll());
        return count;
    }
}

/// <summary>What was taken out of a <see cref="HoldQueue"/>.</summary>
internal readonly record struct HeldPackets(List<PacketBatch> Batches, long Bytes)
{
    /// <summary>Datagrams in them.</summary>
    public int Count => Batches.Sum(batch => batch.Count);
}
