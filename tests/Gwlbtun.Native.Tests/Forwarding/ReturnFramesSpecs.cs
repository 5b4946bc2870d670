using CsCheck;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>Which packets leave in one frame.</summary>
public sealed unsafe class ReturnFramesSpecs
{
    private const int Size = 300;

    private static readonly NextHop _hop = new(2, 9001, 0x11, 0x22, SuperPacketFate.RefusedWhole);

    // Of few paths and sizes, so that they meet; some go by the kernel's routes; some are the equal segments of a super-packet, of which the last may be shorter.
    private static readonly Gen<Sent[]> _anyPackets =
        Gen.Select(Gen.Int[0, 4], OneOf(Size, Size, Size, 100, 1400, 9000, 65_507), OneOf(1, 1, 1, 2, 7, 64), Gen.Int[0, 2], Gen.Int[0, 20])
            .Select((path, size, count, shorter, route) => new Sent(path, size, Math.Min(count, Math.Max(1, ReturnFrame.MaximumSuperPayload / size)), count > 1 && shorter == 0, route > 0))
            .Array[0, 120];

    [Fact]
    public void Should_keep_every_packet_once_in_the_order_of_its_path_in_frames_that_the_kernel_takes_apart_again()
    {
        _anyPackets.Sample(all =>
        {
            using ReturnFrames frames = new(joins: true);
            List<(int Path, int Length)> given = Give(frames, all);

            List<(int Path, int Length, int Number)> found = [.. Segments(frames)];
            Assert.Equal(given.Count, found.Count);
            foreach ((int path, int length, int number) in found)
                Assert.Equal(given[number], (path, length));
            foreach (var ofPath in found.GroupBy(segment => segment.Path))
                Assert.Equal(ofPath.Select(segment => segment.Number).Order(), ofPath.Select(segment => segment.Number));
            for (int frame = 0; frame < frames.Count; frame++)
                AssertWellFormed(frames, frame);
        }, iter: 2_000);
    }

    [Fact]
    public void Should_leave_each_by_itself_when_they_are_not_to_join()
    {
        using ReturnFrames frames = new(joins: false);

        Give(frames, [.. Enumerable.Repeat(new Sent(0, Size, 1, false, true), 10)]);

        Assert.Equal(10, frames.Count);
    }

    [Fact]
    public void Should_join_what_bears_the_same_addresses_and_ports_and_is_of_one_size()
    {
        using ReturnFrames frames = new(joins: true);

        Give(frames, [Of(0), Of(1), Of(0), Of(2), Of(1), Of(0), Of(0) with { Count = 2 }]);

        Assert.Equal([5, 2, 1], Counts(frames));
    }

    [Fact]
    public void Should_begin_another_after_a_shorter_one_and_for_a_longer_one()
    {
        using ReturnFrames frames = new(joins: true);

        Give(frames, [Of(0), Of(0) with { Size = 100 }, Of(0) with { Size = 100 }, Of(0), Of(0)]);

        Assert.Equal([2, 1, 2], Counts(frames));
    }

    [Fact]
    public void Should_join_nothing_to_what_goes_by_the_kernels_routes_nor_to_anything_before_it()
    {
        using ReturnFrames frames = new(joins: true);

        Give(frames, [Of(0), Of(0) with { HasHop = false, Size = Size + 1 }, Of(0), Of(0)]);

        Assert.Equal([1, 1, 2], Counts(frames));
    }

    [Fact]
    public void Should_join_nothing_where_what_is_joined_may_be_lost_in_part_and_nobody_told()
    {
        using ReturnFrames frames = new(joins: true);

        Give(frames, [Of(0), Of(0), Of(0)], new(2, 9001, 0x11, 0x22, SuperPacketFate.TakenApart));

        Assert.Equal([1, 1, 1], Counts(frames));
    }

    [Fact]
    public void Should_have_at_most_so_many_segments_and_so_many_bytes()
    {
        using ReturnFrames frames = new(joins: true);

        Give(frames, [.. Enumerable.Repeat(Of(0), 130), .. Enumerable.Repeat(Of(1) with { Size = 9000 }, 9)]);

        Assert.Equal([64, 64, 2, 7, 2], Counts(frames));
    }

    [Fact]
    public void Should_count_each_lost_packet_where_it_belongs()
    {
        using ReturnFrames frames = new(joins: true);
        using CounterBlocks counters = new(2);
        OuterPath path = PathOf(0);
        int frame = frames.Begin(path, _hop, Size);
        frames.Add(frame, null, Size, null, 0, counters[0]);
        frames.Add(frame, null, Size, null, 0, counters[1]);
        frames.Add(frame, null, Size, null, 0, counters[1]);

        frames.Drop(frame, DropReason.SendFailed);

        Assert.Equal((1ul, 2ul), (counters[0]->Drops(DropReason.SendFailed), counters[1]->Drops(DropReason.SendFailed)));
    }

    [Fact]
    public void Should_forget_all_when_they_are_sent()
    {
        using ReturnFrames frames = new(joins: true);
        Give(frames, [Of(0), Of(0)]);

        frames.Clear();
        Give(frames, [Of(0)]);

        Assert.Equal([1], Counts(frames));
    }

    private static Gen<int> OneOf(params int[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static Sent Of(int path) => new(path, Size, 1, false, true);

    private static OuterPath PathOf(int number) => new(0x0100000A + ((uint)number & 1), 0x0200000A, (ushort)(40_000 + (number >> 1)));

    private static int[] Counts(ReturnFrames frames) => [.. Enumerable.Range(0, frames.Count).Select(frame => frames[frame].Count)];

    // As ReturnPath does. A segment's number stands for where it lies; answers what each was.
    private static List<(int Path, int Length)> Give(ReturnFrames frames, Sent[] all, NextHop? through = null)
    {
        List<(int, int)> given = [];
        foreach (Sent sent in all)
        {
            if (!frames.HasRoomFor(sent.Count))
                break;
            int last = sent.EndsShorter ? sent.Size / 2 : sent.Size;
            int total = (sent.Size * (sent.Count - 1)) + last;
            NextHop? hop = sent.HasHop ? through ?? _hop : null;
            int count = hop is null ? 1 : sent.Count;
            for (int done = 0; done < sent.Count; done += count)
            {
                int length = count > 1 ? total : done == sent.Count - 1 ? last : sent.Size;
                if (!frames.TryFind(PathOf(sent.Path), count, Math.Min(sent.Size, length), length, out int frame))
                    frame = frames.Begin(PathOf(sent.Path), hop, Math.Min(sent.Size, length));
                for (int i = done; i < done + count; i++)
                {
                    int bytes = i == sent.Count - 1 ? last : sent.Size;
                    frames.Add(frame, (byte*)given.Count, bytes - 7, (byte*)1, 7, null);
                    given.Add((sent.Path, bytes));
                }
            }
        }

        return given;
    }

    private static List<(int Path, int Length, int Number)> Segments(ReturnFrames frames)
    {
        List<(int, int, int)> found = [];
        for (int frame = 0; frame < frames.Count; frame++)
        {
            int path = Enumerable.Range(0, 5).First(number => PathOf(number) == frames[frame].Path);
            int before = found.Count;
            for (int next = frames[frame].First; next >= 0; next = frames.SegmentOf(next).Next)
                found.Add((path, frames.SegmentOf(next).HeadersLength + frames.SegmentOf(next).RestLength, (int)frames.SegmentOf(next).Headers));
            Assert.Equal(frames[frame].Count, found.Count - before);
        }

        return found;
    }

    // GSO_UDP_L4: each as long as the first, but for the last, which may be shorter.
    private static void AssertWellFormed(ReturnFrames frames, int frame)
    {
        List<int> lengths = [];
        for (int next = frames[frame].First; next >= 0; next = frames.SegmentOf(next).Next)
            lengths.Add(frames.SegmentOf(next).HeadersLength + frames.SegmentOf(next).RestLength);
        Assert.All(lengths[..^1], length => Assert.Equal(frames[frame].SegmentSize, length));
        Assert.InRange(lengths[^1], 1, frames[frame].SegmentSize);
        Assert.InRange(lengths.Count, 1, frames[frame].Hop is null ? 1 : SuperPacket.MaximumSegments);
        Assert.Equal(lengths.Sum(), frames[frame].PayloadLength);
        Assert.InRange(lengths.Sum(), 1, lengths.Count == 1 ? ReturnFrame.MaximumPayload : ReturnFrame.MaximumSuperPayload);
    }

    private sealed record Sent(int Path, int Size, int Count, bool EndsShorter, bool HasHop);
}
