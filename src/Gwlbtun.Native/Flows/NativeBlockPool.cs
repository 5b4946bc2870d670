using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// Blocks of one size, cut from chunks of native memory that grow from a single block to 256 KiB, so that an idle
/// table costs almost nothing and a large one few allocations.
/// </summary>
/// <remarks>
/// Type-stable: a block that was returned is handed out again as the same kind of thing, and no chunk is given back
/// before <see cref="Dispose"/>. So a reader that follows a pointer which has just become stale finds a block of the
/// right kind, though perhaps another one's; its sequence check then says so. While a block lies in the free list, only
/// the word at the link offset is overwritten: the owner chooses one that no reader follows or stores to.
/// </remarks>
internal sealed unsafe class NativeBlockPool : IDisposable
{
    private const int CacheLine = 64;
    private const int LargestChunk = 256 * 1024;

    // From here on chunks come from the kernel: the C library's heap might keep them when the table goes.
    private const int MappedFrom = 64 * 1024;

    private readonly int _blockSize;
    private readonly int _linkOffset;
    private readonly bool _cleared;
    private readonly long _limitBytes;
    private int _gate;
    private byte* _free;
    private byte* _next;
    private byte* _end;
    private Chunk* _chunks;
    private int _nextChunkBlocks = 1;
    private long _bytes;

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

    /// <summary>A block with whatever stands in it, or null when there is no memory.</summary>
    public byte* TryRent()
    {
        SpinGate.Enter(ref _gate);
        byte* block = _free;
        if (block != null)
        {
            _free = *(byte**)(block + _linkOffset);
        }
        else if (_next != _end || TryAddChunk())
        {
            block = _next;
            _next += _blockSize;
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
        SpinGate.Exit(ref _gate);
    }

    public void Dispose()
    {
        while (_chunks != null)
        {
            Chunk* chunk = _chunks;
            _chunks = chunk->Previous;
            if (chunk->Size >= MappedFrom)
                Pages.Unmap((byte*)chunk, chunk->Size);
            else
                NativeMemory.AlignedFree(chunk);
        }

        _free = _next = _end = null;
        _bytes = 0;
    }

    // The gate is held, so nothing may be thrown from here: a thread that died in it would stop all others.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryAddChunk()
    {
        long blocksBytes = (long)_nextChunkBlocks * _blockSize;
        long size = sizeof(Chunk) + blocksBytes;
        if (_bytes + size > _limitBytes)
            return false;

        Chunk* chunk;
        try
        {
            chunk = (Chunk*)(size >= MappedFrom ? Pages.Map((nuint)size) : NativeMemory.AlignedAlloc((nuint)size, CacheLine));
        }
        catch (Exception none) when (none is OutOfMemoryException or LinuxException)
        {
            return false;
        }

        chunk->Previous = _chunks;
        chunk->Size = (nuint)size;
        _chunks = chunk;
        _next = (byte*)(chunk + 1);
        _end = (byte*)chunk + size;
        _bytes += size;
        if (blocksBytes * 2 <= LargestChunk)
            _nextChunkBlocks *= 2;
        return true;
    }

    // What a chunk begins with; the blocks follow.
    [StructLayout(LayoutKind.Sequential, Size = CacheLine)]
    private struct Chunk
    {
        public Chunk* Previous;
        public nuint Size;
    }
}
