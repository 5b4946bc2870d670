using Gwlbtun.Native.Flows;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>The directory with hashes chosen by the test, and what a reader gets to know who is in the middle of it.</summary>
public sealed unsafe class FlowDirectorySpecs : IDisposable
{
    private const ulong Hash = 0x0123_4567_89AB_CDEF;
    private const int CommonBits = 12;

    private readonly FlowDirectory _directory = new(FlowEntry.Stride4, long.MaxValue);
    private uint _inserted;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Should_tell_apart_flows_whose_hashes_are_equal()
    {
        for (uint i = 0; i < 10; i++)
            Assert.True(TryInsert(Hash));

        for (uint i = 0; i < 10; i++)
            Assert.Equal(i + 1, _directory.Read(SampleFlow.Tcp4(i), Hash).Own.FlowCookie);
        Assert.True(_directory.Read(SampleFlow.Tcp4(10), Hash).Entry == null);
    }

    [Fact]
    public void Should_say_that_there_is_no_place_when_too_many_hashes_are_equal()
    {
        int inserted = 0;
        while (TryInsert(Hash))
            inserted++;

        Assert.InRange(inserted, 1, 2 * FlowSegment.SlotsPerBucket);
        for (uint i = 0; i < inserted; i++)
            Assert.Equal(i + 1, _directory.Read(SampleFlow.Tcp4(i), Hash).Own.FlowCookie);
    }

    [Fact]
    public void Should_split_on_until_hashes_with_a_long_common_prefix_are_apart()
    {
        ulong[] hashes = [.. Hashes(seed: 1).Take(4_000).Select(hash => (Hash & ~(ulong.MaxValue >> CommonBits)) | (hash >> CommonBits))];

        Assert.All(hashes, hash => Assert.True(TryInsert(hash)));

        AssertAllThere(hashes);
        Assert.InRange(DepthAt(Hash), CommonBits + 2, CommonBits + 4);
    }

    [Fact]
    public void Should_fill_its_buckets_well_at_any_size()
    {
        long overhead = _directory.Bytes;
        ulong[] hashes = [.. Hashes(seed: 2).Take(100_000)];
        for (int i = 0; i < hashes.Length; i++)
        {
            Assert.True(TryInsert(hashes[i]));
            // The last chunk may be untouched yet.
            if (i > 20_000 && i % 1_000 == 0)
                Assert.InRange((_directory.Bytes - overhead) / (double)i, 64, 95);
        }

        AssertAllThere(hashes);
    }

    [Fact]
    public void Should_show_a_reader_that_nothing_happened()
    {
        TryInsert(Hash);
        FlowReading reading = _directory.Read(SampleFlow.Tcp4(0), Hash);

        FlowEntry.Touch(reading.Entry, 77);

        Assert.True(reading.IsStillTrue);
    }

    [Fact]
    public void Should_show_a_reader_that_the_flow_was_taken_out()
    {
        TryInsert(Hash);
        FlowReading reading = _directory.Read(SampleFlow.Tcp4(0), Hash);

        FlowSegment* segment = _directory.Take(Hash);
        FlowPlacement.Remove(segment, FlowPlacement.Weakest(segment, Hash, now: 0).Place);
        SpinGate.Exit(ref segment->Gate);

        Assert.False(reading.IsStillTrue);
        Assert.True(_directory.Read(SampleFlow.Tcp4(0), Hash).Entry == null);
    }

    [Fact]
    public void Should_show_a_reader_that_the_flow_it_missed_has_come()
    {
        FlowReading reading = _directory.Read(SampleFlow.Tcp4(0), Hash);
        Assert.True(reading.Entry == null);

        TryInsert(Hash);

        Assert.False(reading.IsStillTrue);
    }

    [Fact]
    public void Should_show_a_reader_that_its_segment_was_replaced_by_halves()
    {
        TryInsert(Hash);
        FlowReading reading = _directory.Read(SampleFlow.Tcp4(0), Hash);
        FlowSegment* whole = _directory.Take(Hash);
        SpinGate.Exit(ref whole->Gate);

        foreach (ulong hash in Hashes(seed: 3).Take(2_000))
            TryInsert(hash);

        FlowSegment* half = _directory.Take(Hash);
        SpinGate.Exit(ref half->Gate);
        Assert.True(whole != half);
        Assert.False(reading.IsStillTrue);
        Assert.Equal(1u, _directory.Read(SampleFlow.Tcp4(0), Hash).Own.FlowCookie);
    }

    [Fact]
    public void Should_show_a_reader_each_step_of_growth_and_the_split_that_could_move_its_flow()
    {
        List<ulong> hashes = [];
        using IEnumerator<ulong> further = Hashes(seed: 4).GetEnumerator();
        do
        {
            further.MoveNext();
            hashes.Add(further.Current);
            FlowReading reading = _directory.Read(SampleFlow.Tcp4(0), hashes[0]);
            TryInsert(further.Current);
            Assert.False(reading.IsStillTrue);
        }
        while (DepthAt(hashes[0]) == 0);

        AssertAllThere(hashes);
    }

    private static IEnumerable<ulong> Hashes(int seed)
    {
        var random = new Random(seed);
        while (true)
            yield return (ulong)random.NextInt64(long.MinValue, long.MaxValue);
    }

    private int DepthAt(ulong hash)
    {
        FlowSegment* segment = _directory.Take(hash);
        int depth = segment->Depth;
        SpinGate.Exit(ref segment->Gate);
        return depth;
    }

    private void AssertAllThere(IReadOnlyList<ulong> hashes)
    {
        for (int i = 0; i < hashes.Count; i++)
            Assert.Equal((uint)i + 1, _directory.Read(SampleFlow.Tcp4((uint)i), hashes[i]).Own.FlowCookie);
    }

    // The flows are numbered in the order in which they are inserted, and their cookie is one more.
    private bool TryInsert(ulong hash)
    {
        FlowSegment* segment = _directory.Take(hash);
        int place = _directory.MakePlace(ref segment, hash);
        if (place != FlowSegment.None)
        {
            FlowKey key = SampleFlow.Tcp4(_inserted++);
            FlowPlacement.Put(segment, place, key, hash, new HeaderSlot { FlowCookie = _inserted, Template = 1 }, now: 0);
        }

        SpinGate.Exit(ref segment->Gate);
        return place != FlowSegment.None;
    }
}
