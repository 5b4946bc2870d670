using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// Blocks of one size, cut from chunks of native memory that grow from a single block to 256 KiB, so that an idle
/// table costs almost nothing and a large one few allocations. What is prepared ahead of time comes in huge pages, which spare
/// a large table the misses of address translation.
/// </summary>
/// <remarks>
/// <para>Type-stable: a block that was returned is handed out again as the same kind of thing, and no chunk is given back
/// before <see cref="Dispose"/>. So a reader that follows a pointer which has just become stale finds a block of the
/// right kind, though perhaps another one's; its sequence check then says so. While a block lies in the free list, only
/// the word at the link offset is overwritten: the owner chooses one that no reader follows or stores to.</para>
/// <para>The kernel may take long to find a huge page. So only <see cref="TryReserveTotal"/> and <see cref="PrepareToGrow"/> ask for
/// one, and not under the gate; who finds nothing prepared takes a chunk of ordinary pages, resident as they are used.</para>
/// </remarks>
internal sealed unsafe class NativeBlockPool : IDisposable
{
    private const int CacheLine = 64;
    private const int LargestChunk = 256 * 1024;

    // From here on chunks come from the kernel: the C library's heap might keep them when the table goes.
    private const int MappedFrom = 64 * 1024;

    // From here on a pool is worth a huge page that it may use a small part of.
    private const long LargeFrom = 4 * Pages.HugePage;

    private readonly int _blockSize;
    private readonly int _linkOffset;
    private readonly bool _cleared;
    private readonly long _limitBytes;
    private int _gate;
    private byte* _free;
    private byte* _next;
    private byte* _end;

    // All chunks, and those of them that no block was cut from yet.
    private Chunk* _chunks;
    private Chunk* _prepared;
    private int _nextChunkBlocks = 1;
    private long _bytes;

    // Blocks in all chunks, and those of them that are not rented.
    private long _total;
    private long _available;

    /// <param name="blockSize">Bytes, a multiple of a cache line.</param>
    /// <param name="linkOffset">Where in a returned block the free list may keep a pointer.</param>
    /// <param name="cleared">Whether a block is zero when it is handed out for the first time.</param>
    /// <param name="limitBytes">What all chunks together may take.</param>
    public NativeBlockPool(int blockSize, int linkOffset, bool cleared, long limitBytes)
    {
        _blockSize = blockSize;
        _linkOffset = linkOffset;
        _cleared = cleared;
        _limitBytes = limitBytes;
    }

    /// <summary>What the chunks take, used or not.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    private long BlocksInHugePage => (Pages.HugePage - sizeof(Chunk)) / _blockSize;

    /// <summary>A block with whatever stands in it, or null when there is no memory.</summary>
    public byte* TryRent()
    {
        SpinGate.Enter(ref _gate);
        byte* block = _free;
        if (block != null)
        {
            _free = *(byte**)(block + _linkOffset);
            _available--;
        }
        else if (_end - _next >= _blockSize || TryOpenChunk())
        {
            block = _next;
            _next += _blockSize;
            _available--;
            if (_cleared)
                NativeMemory.Clear(block, (nuint)_blockSize);
        }

        SpinGate.Exit(ref _gate);
        return block;
    }

    /// <summary>Takes a block back. Stale readers may still look at it.</summary>
    public void Return(byte* block)
    {
        SpinGate.Enter(ref _gate);
        *(byte**)(block + _linkOffset) = _free;
        _free = block;
        _available++;
        SpinGate.Exit(ref _gate);
    }

    /// <summary>
    /// Prepares until there are so many blocks, with those that are rented, and all that are not are resident; false when there is
    /// no memory. The gate is not held for long.
    /// </summary>
    public bool TryReserveTotal(long blocks)
    {
        SpinGate.Enter(ref _gate);
        long missing = blocks - _total;
        byte* next = _next;
        byte* end = _end;
        SpinGate.Exit(ref _gate);
        if (missing <= 0)
            return true;

        Pages.Touch(next, (nuint)(end - next));
        while (missing > 0)
        {
            long added = TryPrepare(missing);
            if (added == 0)
                return false;
            missing -= added;
        }

        return true;
    }

    /// <summary>Prepares a huge page when the pool is large and soon at its end.</summary>
    public void PrepareToGrow()
    {
        if (Bytes >= LargeFrom && Volatile.Read(ref _available) < BlocksInHugePage / 2)
            _ = TryPrepare(BlocksInHugePage);
    }

    public void Dispose()
    {
        while (_chunks != null)
        {
            Chunk* chunk = _chunks;
            _chunks = chunk->Previous;
            Free(chunk);
        }

        _free = _next = _end = null;
        _prepared = null;
        _bytes = 0;
    }

    // Says how many blocks have come: up to a huge page's worth, or 0 when there is no memory.
    private long TryPrepare(long blocks)
    {
        blocks = Math.Min(blocks, BlocksInHugePage);
        long size = sizeof(Chunk) + (blocks * _blockSize);
        bool isHuge = size > Pages.HugePage / 2;
        if (isHuge)
            (blocks, size) = (BlocksInHugePage, Pages.HugePage);
        if (Interlocked.Add(ref _bytes, size) > _limitBytes)
        {
            Interlocked.Add(ref _bytes, -size);
            return 0;
        }

        Chunk* chunk = TryAllocate((nuint)size, isHuge);
        if (chunk == null)
        {
            Interlocked.Add(ref _bytes, -size);
            return 0;
        }

        Pages.Touch((byte*)chunk, (nuint)size);
        SpinGate.Enter(ref _gate);
        Add(chunk);
        chunk->NextPrepared = _prepared;
        _prepared = chunk;
        SpinGate.Exit(ref _gate);
        return blocks;
    }

    // The gate is held, so nothing may be thrown from here: a thread that died in it would stop all others.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryOpenChunk()
    {
        Chunk* chunk = _prepared;
        if (chunk != null)
        {
            _prepared = chunk->NextPrepared;
        }
        else
        {
            long blocksBytes = (long)_nextChunkBlocks * _blockSize;
            long size = sizeof(Chunk) + blocksBytes;
            if (Bytes + size > _limitBytes)
                return false;
            chunk = TryAllocate((nuint)size, isHuge: false);
            if (chunk == null)
                return false;
            Add(chunk);
            Interlocked.Add(ref _bytes, size);
            if (blocksBytes * 2 <= LargestChunk)
                _nextChunkBlocks *= 2;
        }

        _next = (byte*)(chunk + 1);
        _end = (byte*)chunk + chunk->Size;
        return true;
    }

    // The gate is held.
    private void Add(Chunk* chunk)
    {
        chunk->Previous = _chunks;
        _chunks = chunk;
        long blocks = ((long)chunk->Size - sizeof(Chunk)) / _blockSize;
        _total += blocks;
        Volatile.Write(ref _available, _available + blocks);
    }

    private static Chunk* TryAllocate(nuint size, bool isHuge)
    {
        try
        {
            Chunk* chunk = isHuge ? (Chunk*)Pages.MapHuge()
                : size >= MappedFrom ? (Chunk*)Pages.Map(size)
                : (Chunk*)NativeMemory.AlignedAlloc(size, CacheLine);
            chunk->Size = size;
            return chunk;
        }
        catch (Exception none) when (none is OutOfMemoryException or LinuxException)
        {
            return null;
        }
    }

    private static void Free(Chunk* chunk)
    {
        if (chunk->Size >= MappedFrom)
            Pages.Unmap((byte*)chunk, chunk->Size);
        else
            NativeMemory.AlignedFree(chunk);
    }

    // What a chunk begins with; the blocks follow.
    [StructLayout(LayoutKind.Sequential, Size = CacheLine)]
    private struct Chunk
    {
        public Chunk* Previous;
        public Chunk* NextPrepared;
        public nuint Size;
    }
}
