using System.Runtime.InteropServices;
using CsCheck;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Offload;

/// <summary>What is coalesced and then segmented is what it was.</summary>
public unsafe class CoalescingSpecs
{
    private const int Front = 64;
    private const int Stride = 70_000;
    private const int Capacity = 256;

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(false, false, true)]
    [InlineData(false, true, false)]
    [InlineData(false, true, true)]
    [InlineData(true, false, false)]
    [InlineData(true, true, false)]
    public void Should_give_back_every_packet_of_any_stream_byte_for_byte_and_in_the_order_of_its_flow(bool ipv6, bool tcp, bool atomic)
    {
        Gen<Step> step = Gen.Select(
            Gen.Int[0, 3], Gen.Frequency((8, Gen.Const(100)), (1, Gen.Int[1, 99]), (1, Gen.Int[101, 1400])), Gen.Frequency((9, Gen.Const(0)), (2, Gen.Int[1, 20])),
            (flow, size, quirk) => new Step(flow, size, quirk));

        step.Array[1, 150].Sample(steps =>
        {
            var stream = new PacketStream(ipv6, tcp, atomic);
            byte[][] packets = [.. steps.Select(stream.Make)];

            var returned = Pass(packets, MergeKinds.All, out _);

            Assert.Equal(ByFlow(packets), ByFlow(returned));
        }, iter: 2000);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Should_merge_what_is_alike_however_the_flows_are_mixed(bool ipv6, bool tcp)
    {
        var stream = new PacketStream(ipv6, tcp, atomic: false);
        byte[][] packets = [.. Enumerable.Range(0, 120).Select(i => stream.Make(new Step(i % 4, 100, 0)))];

        var returned = Pass(packets, MergeKinds.All, out int groups);

        Assert.Equal(4, groups);
        Assert.Equal(ByFlow(packets), ByFlow(returned));
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(5, 120)]
    public void Should_merge_two_flows_that_share_a_place_and_keep_the_order_of_more(int flows, int groups)
    {
        var stream = new PacketStream(ipv6: false, tcp: true, atomic: false);
        byte[][] packets = [.. Enumerable.Range(0, 120).Select(i => stream.Make(new Step(i % flows, 100, 0)))];

        var returned = Pass(packets, MergeKinds.All, out int most, isCrowded: true);

        Assert.InRange(most, flows, groups);
        Assert.Equal(ByFlow(packets), ByFlow(returned));
    }

    [Fact]
    public void Should_put_no_more_than_64_segments_and_64_KiB_into_one()
    {
        var small = new PacketStream(ipv6: false, tcp: true, atomic: false);
        _ = Pass([.. Enumerable.Range(0, 200).Select(_ => small.Make(new Step(0, 10, 0)))], MergeKinds.All, out int groups);
        Assert.Equal(4, groups);

        var large = new PacketStream(ipv6: false, tcp: true, atomic: false);
        _ = Pass([.. Enumerable.Range(0, 16).Select(_ => large.Make(new Step(0, 8400, 0)))], MergeKinds.All, out groups);
        Assert.Equal(3, groups);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(13)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(20)]
    public void Should_not_merge_what_the_kernel_would_not(int quirk)
    {
        var stream = new PacketStream(ipv6: false, tcp: true, atomic: false);
        byte[][] packets = [stream.Make(new Step(0, 100, 0)), stream.Make(new Step(0, 100, quirk))];

        _ = Pass(packets, MergeKinds.All, out int groups);

        Assert.Equal(2, groups);
    }

    [Fact]
    public void Should_merge_nothing_of_a_kind_that_is_switched_off()
    {
        foreach (var (ipv6, tcp, kind) in new[] { (false, false, MergeKinds.Udp4), (false, true, MergeKinds.Tcp4), (true, false, MergeKinds.Udp6), (true, true, MergeKinds.Tcp6) })
        {
            var stream = new PacketStream(ipv6, tcp, atomic: false);
            byte[][] packets = [.. Enumerable.Range(0, 10).Select(_ => stream.Make(new Step(0, 100, 0)))];
            _ = Pass(packets, MergeKinds.All & ~kind, out int groups);
            Assert.Equal(10, groups);
            _ = Pass(packets, kind, out groups);
            Assert.Equal(1, groups);
        }
    }

    [Fact]
    public void Should_not_merge_the_flows_of_different_endpoints()
    {
        var stream = new PacketStream(ipv6: false, tcp: true, atomic: false);
        byte[][] packets = [.. Enumerable.Range(0, 10).Select(_ => stream.Make(new Step(0, 100, 0)))];
        _ = Pass(packets, MergeKinds.All, out int groups, owner: i => (ulong)i % 2);
        Assert.Equal(10, groups);
    }

    [Fact]
    public void Should_leave_the_packets_as_they_were_when_a_write_is_taken_back()
    {
        var stream = new PacketStream(ipv6: true, tcp: true, atomic: false);
        byte[][] packets = [.. Enumerable.Range(0, 10).Select(_ => stream.Make(new Step(0, 100, 12)))];
        WithMemory(packets, memory =>
        {
            byte[] before = memory.ToArray();
            fixed (byte* start = memory)
            {
                var coalescer = Fill(start, packets, MergeKinds.All, _ => 1);
                var pieces = stackalloc IoVector[SuperPacket.MaximumSegments];
                for (int group = 0; group < coalescer.GroupCount; group++)
                {
                    _ = coalescer.Seal(group, pieces);
                    coalescer.Unseal(group);
                }
            }

            Assert.Equal(before, memory);
        });
    }

    private static ILookup<string, string> Flows(IEnumerable<byte[]> packets) => packets.ToLookup(FlowOf, Convert.ToHexString);

    // Packets as text, flow by flow, in order.
    private static SortedDictionary<string, string[]> ByFlow(IEnumerable<byte[]> packets) =>
        new(Flows(packets).ToDictionary(flow => flow.Key, flow => flow.ToArray()));

    // Fragments without ports are of all flows between their hosts; one suffices here, for the generator gives every flow the same hosts.
    private static string FlowOf(byte[] packet)
    {
        _ = InnerPacket.TryParse(packet, out var inner);
        return $"{inner.Protocol} {inner.SourcePort} {inner.DestinationPort}";
    }

    private delegate void OnMemory(Span<byte> memory);

    private static void WithMemory(byte[][] packets, OnMemory use)
    {
        var memory = new byte[packets.Length * Stride];
        for (int i = 0; i < packets.Length; i++)
            packets[i].CopyTo(memory, (i * Stride) + Front);
        use(memory);
    }

    private static Coalescer Fill(byte* memory, byte[][] packets, MergeKinds kinds, Func<int, ulong> owner, bool isCrowded = false)
    {
        var coalescer = new Coalescer(kinds, Capacity);
        for (int i = 0; i < packets.Length; i++)
        {
            Assert.Equal(DropReason.None, InnerPacket.TryParse(packets[i], out var inner));
            ulong ports = ((ulong)inner.SourcePort << 16) | inner.DestinationPort;
            coalescer.Add(memory + ((nint)i * Stride) + Front, inner, owner(i), isCrowded ? ports << 32 : ports * 0x9E37_79B9_7F4A_7C15 >> 32);
        }

        return coalescer;
    }

    // Through the coalescer, and through the segmenter as if the kernel had handed the super-packets back.
    private static List<byte[]> Pass(byte[][] packets, MergeKinds kinds, out int groups, Func<int, ulong>? owner = null, bool isCrowded = false)
    {
        var returned = new List<byte[]>();
        int count = 0;
        WithMemory(packets, memory =>
        {
            fixed (byte* start = memory)
            {
                var coalescer = Fill(start, packets, kinds, owner ?? (_ => 1), isCrowded);
                count = coalescer.GroupCount;
                var pieces = stackalloc IoVector[SuperPacket.MaximumSegments];
                for (int group = 0; group < coalescer.GroupCount; group++)
                {
                    int pieceCount = coalescer.Seal(group, pieces);
                    byte[] written = [.. Enumerable.Range(0, pieceCount).SelectMany(i => new Span<byte>(pieces[i].Base, (int)pieces[i].Length).ToArray())];
                    returned.AddRange(Segments(written));
                }
            }
        });
        groups = count;
        return returned;
    }

    private static List<byte[]> Segments(byte[] written)
    {
        var virtio = MemoryMarshal.Read<VirtioNetHeader>(written);
        var packet = written.AsSpan(VirtioNetHeader.Length);
        if (virtio.GsoType == VirtioNetHeader.GsoNone)
            return [packet.ToArray()];

        Assert.InRange(packet.Length, 1, SuperPacket.MaximumBytes);
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
        Assert.True(Segmenter.TryCreate(virtio, packet, inner, out var segmenter));
        Assert.InRange(segmenter.Count, 2, SuperPacket.MaximumSegments);
        var segments = new List<byte[]>();
        for (int i = 0; i < segmenter.Count; i++)
        {
            var payload = segmenter.PayloadOf(i);
            var segment = new byte[segmenter.HeaderLength + payload.Length];
            segmenter.WriteHeaders(i, segment);
            payload.CopyTo(segment.AsSpan(segmenter.HeaderLength));
            segments.Add(segment);
        }

        return segments;
    }
}
