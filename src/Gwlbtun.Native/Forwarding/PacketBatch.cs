using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Flows;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Copies of datagrams, one after the other in native memory, each behind a <see cref="Record"/>. Not thread-safe.
/// </summary>
internal sealed unsafe class PacketBatch
{
    /// <summary>Bytes of one batch; the largest datagram with its record fits.</summary>
    public const int Capacity = 128 << 10;

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(Capacity, 64);

    ~PacketBatch() => NativeMemory.AlignedFree(_memory);

    public int Count { get; private set; }

    public int UsedBytes { get; private set; }

    /// <summary>Appends a copy; false when it does not fit.</summary>
    public bool TryAppend(ReadOnlySpan<byte> datagram, in OuterPath path)
    {
        var bytes = Stored(datagram.Length);
        if (UsedBytes + bytes > Capacity)
            return false;
        *(Record*)(_memory + UsedBytes) = new() { Length = datagram.Length, Path = path };
        datagram.CopyTo(new Span<byte>(_memory + UsedBytes + sizeof(Record), datagram.Length));
        UsedBytes += bytes;
        Count++;
        return true;
    }

    /// <summary>The datagram at <paramref name="position"/>, which moves on to the next.</summary>
    public ReadOnlySpan<byte> Read(ref int position, out OuterPath path)
    {
        var record = (Record*)(_memory + position);
        path = record->Path;
        var datagram = new ReadOnlySpan<byte>(_memory + position + sizeof(Record), record->Length);
        position += Stored(record->Length);
        return datagram;
    }

    public void Clear() => Count = UsedBytes = 0;

    // Records start on 8-byte boundaries.
    private static int Stored(int length) => (sizeof(Record) + length + 7) & ~7;

    private struct Record
    {
        public int Length;
        public OuterPath Path;
    }
}

/// <summary>
/// The batches that wait for tunnels of all endpoints: a pool of them, and the bound on the bytes that may wait in all. Thread-safe.
/// </summary>
internal sealed class PacketBatchPool(long bytesTotal)
{
    // What stays pooled between creations of tunnels: 1 MiB.
    private const int Kept = 8;

    private readonly Lock _lock = new();
    private readonly Stack<PacketBatch> _free = new();
    private long _heldBytes;

    /// <summary>Bytes that wait now.</summary>
    public long HeldBytes => Volatile.Read(ref _heldBytes);

    /// <summary>Reserves room for bytes that are to wait; false when the bound is reached.</summary>
    public bool TryReserve(int bytes)
    {
        if (Interlocked.Add(ref _heldBytes, bytes) <= bytesTotal)
            return true;
        Release(bytes);
        return false;
    }

    public void Release(long bytes) => Interlocked.Add(ref _heldBytes, -bytes);

    public PacketBatch Rent()
    {
        lock (_lock)
            return _free.TryPop(out var batch) ? batch : new();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Return(PacketBatch batch)
    {
        batch.Clear();
        lock (_lock)
        {
            if (_free.Count < Kept)
                _free.Push(batch);
        }
    }
}
