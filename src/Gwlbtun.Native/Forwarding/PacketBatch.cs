using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Copies of datagrams, one after the other in native memory, each behind a <see cref="Record"/>. Not thread-safe.
/// </summary>
internal sealed unsafe class PacketBatch : IDisposable
{
    /// <summary>Bytes of one batch; the largest datagram with its record fits.</summary>
    public const int Capacity = 128 << 10;

    private byte* _memory = Pages.Map(Capacity);
    private int _end;
    private int _position;

    ~PacketBatch() => FreeMemory();

    /// <summary>Datagrams that are still to be read.</summary>
    public int Count { get; private set; }

    /// <summary>Appends a copy; false when it does not fit.</summary>
    public bool TryAppend(ReadOnlySpan<byte> datagram, in OuterPath path, int queue)
    {
        var bytes = Stored(datagram.Length);
        if (_end + bytes > Capacity)
            return false;
        *(Record*)(_memory + _end) = new() { Length = datagram.Length, Queue = queue, Path = path };
        datagram.CopyTo(new Span<byte>(_memory + _end + sizeof(Record), datagram.Length));
        _end += bytes;
        Count++;
        return true;
    }

    /// <summary>The first datagram that is still to be read; there must be one. <see cref="Advance"/> moves on.</summary>
    public ReadOnlySpan<byte> Peek(out OuterPath path, out int queue)
    {
        var record = (Record*)(_memory + _position);
        path = record->Path;
        queue = record->Queue;
        return new ReadOnlySpan<byte>(_memory + _position + sizeof(Record), record->Length);
    }

    public void Advance()
    {
        _position += Stored(((Record*)(_memory + _position))->Length);
        Count--;
    }

    public void Clear() => Count = _end = _position = 0;

    /// <summary>Gives the memory back at once: the collector, which does not see it, is in no hurry.</summary>
    public void Dispose()
    {
        FreeMemory();
        GC.SuppressFinalize(this);
    }

    private void FreeMemory()
    {
        if (_memory != null)
            Pages.Unmap(_memory, Capacity);
        _memory = null;
    }

    // Records start on 8-byte boundaries.
    private static int Stored(int length) => (sizeof(Record) + length + 7) & ~7;

    private struct Record
    {
        public int Length;
        public int Queue;
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
            {
                _free.Push(batch);
                return;
            }
        }

        batch.Dispose();
    }
}
