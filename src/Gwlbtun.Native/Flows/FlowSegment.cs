using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// A part of the hash space, up to 1,024 flows: a header with a one-byte tag for every slot, and up to 64 buckets of 16
/// entries each, which are blocks of their own. A flow stands in one of two buckets that its hash names. This file is how
/// a segment is read; <see cref="FlowPlacement"/> is how it is changed.
/// </summary>
/// <remarks>
/// <para>Writers: one at a time, who holds <see cref="Gate"/>. Everything that a reader can see changes only while
/// <see cref="Sequence"/> is odd, except <see cref="FlowEntry.LastUsed"/> and <see cref="FlowEntry.Packets"/>, which anybody stores to
/// at any time, and what no reader looks at.</para>
/// <para>Readers: hold nothing. They note an even sequence, copy what they want, and believe it only if the sequence
/// is still the same and the segment covers the hash. Then hit and miss alike were true at some moment in between: the
/// segments that are alive share the hash space out among them, and a segment that is replaced (<see cref="BucketCount"/>
/// 0) changes its sequence before its successors can be changed.</para>
/// <para>Headers and buckets come from type-stable pools, so that a reader who is late reads another segment's or no
/// segment's bytes, never anything that is not a segment's; a bucket pointer, once set, is only replaced by another one.</para>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = SizeInBytes)]
internal unsafe struct FlowSegment
{
    public const int SlotsPerBucket = 16;
    public const int MaxBuckets = 64;
    public const int None = -1;

    private const int BucketsOffset = 64;
    private const int TagsOffset = BucketsOffset + (MaxBuckets * 8);

    public const int SizeInBytes = TagsOffset + (MaxBuckets * SlotsPerBucket);
    public const int LinkOffset = 40;

    private const int FirstChoiceShift = 8;
    private const int SecondChoiceShift = 14;

    /// <summary>Odd while something that readers see is being changed. Never reset, not even when the header is used anew.</summary>
    [FieldOffset(0)]
    public uint Sequence;

    /// <summary>1 to 64, or 0 when the segment is not, or no longer, in the directory.</summary>
    [FieldOffset(4)]
    public int BucketCount;

    /// <summary>The first <see cref="Depth"/> bits of every hash in it.</summary>
    [FieldOffset(8)]
    public ulong Prefix;

    [FieldOffset(16)]
    public int Depth;

    /// <summary>Bytes from entry to entry.</summary>
    [FieldOffset(20)]
    public int Stride;

    [FieldOffset(24)]
    public int Count;

    /// <summary>Held by the writer, see <see cref="SpinGate"/>.</summary>
    [FieldOffset(28)]
    public int Gate;

    [FieldOffset(BucketsOffset)]
    private fixed ulong _buckets[MaxBuckets];

    [FieldOffset(TagsOffset)]
    private fixed byte _tags[MaxBuckets * SlotsPerBucket];

    /// <summary>The first <paramref name="depth"/> bits of a hash.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong PrefixOf(ulong hash, int depth) => (hash >> 1) >> (63 - depth);

    /// <summary>The first hash beyond those that the segment covers; 0 when it covers the last one.</summary>
    public static ulong End(FlowSegment* segment) => segment->Depth == 0 ? 0 : (segment->Prefix + 1) << (64 - segment->Depth);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Covers(FlowSegment* segment, ulong hash) =>
        segment->BucketCount != 0 && PrefixOf(hash, segment->Depth) == segment->Prefix;

    /// <summary>Starts reading; an odd answer means that there is nothing to read just now.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Observe(FlowSegment* segment) => Volatile.Read(ref segment->Sequence);

    /// <summary>Whether everything read since <see cref="Observe"/> belongs together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsUnchanged(FlowSegment* segment, uint sequence)
    {
        Volatile.ReadBarrier();
        return segment->Sequence == sequence;
    }

    /// <summary>The entry of a key, or null. For a reader, a guess until the sequence confirms it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FlowEntry* Find(FlowSegment* segment, in FlowKey key, ulong hash)
    {
        // Acquire: the pointers of the buckets counted were written before the count.
        int buckets = Volatile.Read(ref segment->BucketCount);
        if (buckets == 0)
            return null;

        int first = FirstBucket(hash, buckets);
        FlowEntry* entry = FindIn(segment, first, key, hash);
        if (entry != null)
            return entry;

        int second = SecondBucket(hash, buckets);
        return second == first ? null : FindIn(segment, second, key, hash);
    }

    /// <summary>Has the line of the entry that a hash is likely to mean brought into the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(FlowSegment* segment, ulong hash)
    {
        int buckets = Volatile.Read(ref segment->BucketCount);
        if (buckets == 0 || !Sse.IsSupported)
            return;

        int bucket = FirstBucket(hash, buckets);
        uint candidates = Equal(segment, bucket, TagOf(hash));
        if (candidates == 0)
        {
            bucket = SecondBucket(hash, buckets);
            candidates = Equal(segment, bucket, TagOf(hash));
            if (candidates == 0)
                return;
        }

        int stride = segment->Stride;
        byte* entry = Bucket(segment, bucket) + (BitOperations.TrailingZeroCount(candidates) * stride);
        Sse.Prefetch0(entry);
        if (stride != FlowEntry.Stride4)
            Sse.Prefetch0(entry + FlowEntry.AddressOffset + 31);
    }

    /// <summary>Has all entries of a bucket brought into the cache, as far as their standing is concerned.</summary>
    public static void Prefetch(FlowSegment* segment, int bucket)
    {
        if (!Sse.IsSupported)
            return;
        byte* standing = Bucket(segment, bucket) + FlowEntry.StandingOffset;
        for (int slot = 0; slot < SlotsPerBucket; slot++)
            Sse.Prefetch0(standing + (slot * segment->Stride));
    }

    /// <summary>The bucket that the hash prefers, of <paramref name="buckets"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FirstBucket(ulong hash, int buckets) => Address((int)(hash >> FirstChoiceShift), buckets);

    /// <summary>The bucket that takes what does not fit the first; now and then the same one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SecondBucket(ulong hash, int buckets) => Address((int)(hash >> SecondChoiceShift), buckets);

    /// <summary>The one whose entries an additional bucket, number <paramref name="buckets"/>, takes its share of.</summary>
    public static int SharedBy(int buckets) => buckets & (Mask(buckets + 1) >> 1);

    /// <summary>Entry number <paramref name="place"/>, 16 to a bucket.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FlowEntry* Entry(FlowSegment* segment, int place) =>
        (FlowEntry*)(segment->_buckets[place / SlotsPerBucket] + (ulong)(uint)(place % SlotsPerBucket * segment->Stride));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ref byte Tag(FlowSegment* segment, int place) => ref segment->_tags[place];

    public static byte* Bucket(FlowSegment* segment, int bucket) => (byte*)segment->_buckets[bucket];

    /// <summary>Puts a bucket in its place, all of its slots free.</summary>
    public static void SetBucket(FlowSegment* segment, int bucket, byte* block)
    {
        segment->_buckets[bucket] = (ulong)block;
        Vector128<byte>.Zero.Store(segment->_tags + (bucket * SlotsPerBucket));
    }

    /// <summary>A bit for each slot of the bucket that is in use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Used(FlowSegment* segment, int bucket) => ~Equal(segment, bucket, 0) & 0xFFFF;

    /// <summary>A free place in the bucket, or <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FreePlace(FlowSegment* segment, int bucket)
    {
        uint free = Equal(segment, bucket, 0);
        return free == 0 ? None : (bucket * SlotsPerBucket) + BitOperations.TrailingZeroCount(free);
    }

    /// <summary>Any byte but 0, which means free.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte TagOf(ulong hash)
    {
        byte tag = (byte)hash;
        return tag == 0 ? (byte)1 : tag;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FlowEntry* FindIn(FlowSegment* segment, int bucket, in FlowKey key, ulong hash)
    {
        int stride = segment->Stride;
        for (uint candidates = Equal(segment, bucket, TagOf(hash)); candidates != 0; candidates &= candidates - 1)
        {
            int slot = BitOperations.TrailingZeroCount(candidates);
            var entry = (FlowEntry*)(segment->_buckets[bucket] + (ulong)(uint)(slot * stride));
            if (FlowEntry.Matches(entry, stride, key, hash))
                return entry;
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Equal(FlowSegment* segment, int bucket, byte tag) =>
        Vector128.Equals(Vector128.Load(segment->_tags + (bucket * SlotsPerBucket)), Vector128.Create(tag)).ExtractMostSignificantBits();

    // Linear hashing: with n buckets, the low bits that n needs, and one bit less where that names a bucket beyond n. So the
    // n-th bucket takes over entries of a single one when it is added.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Address(int choice, int buckets)
    {
        int mask = Mask(buckets);
        int bucket = choice & mask;
        return bucket < buckets ? bucket : bucket & (mask >> 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Mask(int buckets) => (int)BitOperations.RoundUpToPowerOf2((uint)buckets) - 1;
}
