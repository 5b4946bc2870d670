using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// The different <see cref="HeaderTemplate">shapes</see> of Geneve headers that a table's flows hold, each once, named by
/// a 16-bit number and counted by the slots that hold it.
/// </summary>
/// <remarks>
/// <para>While a template has references it does not change. Adding one to a template that has some needs no gate; the
/// first reference is given, and the last one's template taken out, under the gate. Nobody revives a template that has none: its
/// releaser is about to take it out.</para>
/// <para>A reader holds no reference. It takes the number from a slot, reads the template, and then asks the slot's
/// segment whether the slot was the same all the while: if so, the slot's reference kept the template. Memory is type-stable: chunks
/// are never freed before <see cref="Dispose"/>, so a reader who is late reads another template's bytes.</para>
/// <para>Numbers lead to chunks: 16 templates in the first, and each chunk as many as all before it.</para>
/// </remarks>
internal sealed unsafe class HeaderTemplates : IDisposable
{
    /// <summary>All that 16 bits can name; 0 means none.</summary>
    public const int MaxShapes = ushort.MaxValue;

    private const int FirstChunkBits = 4;
    private const int Chunks = 16 - FirstChunkBits + 1;
    private const int Buckets = 1024;

    // A shape with no more references is rare, and may have to go when shapes are scarce.
    private const int FewReferences = 8;

    // A walk without the gate may stray into the free list: after so many steps, look again under it.
    private const int MaxUngatedSteps = 8;

    private const int CacheLine = 64;

    // From here on a chunk comes from the kernel, which zeroes each page when it is first touched: clearing 10 MB would take milliseconds.
    private const int MappedFrom = 64 * 1024;

    private readonly FlowHash _hash;
    private readonly int _limit;

    // Pointers to chunks, then the first template's number for each hash bucket.
    private readonly nint* _chunks;
    private readonly ushort* _heads;
    private int _gate;
    private int _highest;
    private int _count;
    private ushort _free;
    private long _bytes;

    public HeaderTemplates(FlowHash hash, int limit)
    {
        _hash = hash;
        _limit = limit;
        nuint size = (Chunks * (nuint)sizeof(nint)) + (Buckets * sizeof(ushort));
        _chunks = (nint*)NativeMemory.AllocZeroed(size);
        _heads = (ushort*)(_chunks + Chunks);
        _bytes = (long)size;
    }

    /// <summary>How many there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Whether few more can be had, or none: less than a quarter is left.</summary>
    public bool AreScarce => Count > _limit - Math.Max(1, _limit / 4);

    /// <summary>Whether a slot's shape is one that few others have.</summary>
    public bool IsRare(in HeaderSlot slot) => !slot.IsEmpty && Volatile.Read(ref At(slot.Template)->References) <= FewReferences;

    /// <summary>Native memory taken, used or not.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The template of a number that stands in a slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public HeaderTemplate* At(ushort number)
    {
        int chunk = ChunkOf(number);
        return (HeaderTemplate*)_chunks[chunk] + (number - FirstOf(chunk));
    }

    /// <summary>The number of a header's template, with a reference to it, or 0 when there are too many.</summary>
    [SkipLocalsInit]
    public ushort Acquire(in ReceivedHeader header)
    {
        const int Words = (Wire.GwlbGeneveHeader.MaximumLength + 7) / 8;
        ulong* words = stackalloc ulong[Words];
        var shared = new Span<byte>(words, Words * sizeof(ulong));
        int used = (header.Bytes.Length + 7) / 8;
        words[used - 1] = 0;
        header.CopyShared(shared);
        ulong path = header.Path.LoadBalancerAddress | ((ulong)header.Path.LocalAddress << 32);
        var hash = (uint)_hash.Of(new ReadOnlySpan<ulong>(words, used), with: path);

        ushort number = FindUngated(header, hash);
        return number != 0 ? number : AcquireGated(header, hash, shared);
    }

    /// <summary>Gives a slot's reference back, once no slot that readers can see holds it. 0 is nothing.</summary>
    public void Release(ushort number)
    {
        if (number != 0 && Interlocked.Decrement(ref At(number)->References) == 0)
            TakeOut(number);
    }

    public void Dispose()
    {
        for (int chunk = 0; chunk < Chunks; chunk++)
        {
            if (SizeOf(chunk) < MappedFrom)
                NativeMemory.AlignedFree((void*)_chunks[chunk]);
            else if (_chunks[chunk] != 0)
                Pages.Unmap((byte*)_chunks[chunk], SizeOf(chunk));
        }

        NativeMemory.Free(_chunks);
        _bytes = 0;
    }

    private ushort FindUngated(in ReceivedHeader header, uint hash)
    {
        ushort number = Volatile.Read(ref _heads[hash % Buckets]);
        for (int step = 0; number != 0 && step < MaxUngatedSteps; step++)
        {
            HeaderTemplate* template = At(number);
            if (template->Hash == hash && TryAddReference(template))
            {
                if (HeaderTemplate.Matches(template, header))
                    return number;
                Release(number);
            }

            number = Volatile.Read(ref template->Next);
        }

        return 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ushort AcquireGated(in ReceivedHeader header, uint hash, ReadOnlySpan<byte> shared)
    {
        SpinGate.Enter(ref _gate);
        ref ushort head = ref _heads[hash % Buckets];
        ushort number = head;
        for (; number != 0; number = At(number)->Next)
        {
            HeaderTemplate* template = At(number);
            if (template->Hash == hash && HeaderTemplate.Matches(template, header) && TryAddReference(template))
                break;
        }

        if (number == 0)
            number = TryAdd(header, hash, shared, ref head);
        SpinGate.Exit(ref _gate);
        return number;
    }

    private ushort TryAdd(in ReceivedHeader header, uint hash, ReadOnlySpan<byte> shared, ref ushort head)
    {
        ushort number = TryTakeNumber();
        if (number == 0)
            return 0;

        HeaderTemplate* template = At(number);
        template->LoadBalancerAddress = header.Path.LoadBalancerAddress;
        template->LocalAddress = header.Path.LocalAddress;
        template->FlowCookieOffset = header.FlowCookieOffset;
        template->AttachmentIdOffset = header.AttachmentIdOffset;
        template->Hash = hash;
        template->Length = (ushort)header.Bytes.Length;
        shared[..header.Bytes.Length].CopyTo(new Span<byte>(template->Header, header.Bytes.Length));
        template->Next = head;
        Volatile.Write(ref template->References, 1);
        Volatile.Write(ref head, number);
        Volatile.Write(ref _count, _count + 1);
        return number;
    }

    private ushort TryTakeNumber()
    {
        ushort number = _free;
        if (number != 0)
        {
            _free = At(number)->Next;
            return number;
        }

        if (_highest >= _limit || !HasChunk(ChunkOf(_highest + 1)))
            return 0;
        return (ushort)++_highest;
    }

    private bool HasChunk(int chunk)
    {
        if (_chunks[chunk] != 0)
            return true;

        try
        {
            nuint size = SizeOf(chunk);
            Volatile.Write(ref _chunks[chunk], (nint)Allocate(size));
            Volatile.Write(ref _bytes, _bytes + (long)size);
            return true;
        }
        catch (Exception none) when (none is OutOfMemoryException or LinuxException)
        {
            return false;
        }
    }

    private static void* Allocate(nuint size)
    {
        if (size >= MappedFrom)
            return Pages.Map(size);
        void* memory = NativeMemory.AlignedAlloc(size, CacheLine);
        NativeMemory.Clear(memory, size);
        return memory;
    }

    private void TakeOut(ushort number)
    {
        SpinGate.Enter(ref _gate);
        HeaderTemplate* template = At(number);
        ref ushort link = ref _heads[template->Hash % Buckets];
        while (link != number)
            link = ref At(link)->Next;
        Volatile.Write(ref link, template->Next);
        template->Next = _free;
        _free = number;
        Volatile.Write(ref _count, _count - 1);
        SpinGate.Exit(ref _gate);
    }

    private static bool TryAddReference(HeaderTemplate* template)
    {
        int seen = Volatile.Read(ref template->References);
        while (seen > 0)
        {
            int before = Interlocked.CompareExchange(ref template->References, seen + 1, seen);
            if (before == seen)
                return true;
            seen = before;
        }

        return false;
    }

    // 1..15 in chunk 0, then 16..31, 32..63 and so on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int ChunkOf(int number) => Math.Max(BitOperations.Log2((uint)number) - FirstChunkBits + 1, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FirstOf(int chunk) => chunk == 0 ? 0 : 1 << (chunk + FirstChunkBits - 1);

    private static nuint SizeOf(int chunk) => (nuint)(chunk == 0 ? 1 << FirstChunkBits : FirstOf(chunk)) * HeaderTemplate.SizeInBytes;
}
