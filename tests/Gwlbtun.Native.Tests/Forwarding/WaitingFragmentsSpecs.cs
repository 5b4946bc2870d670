using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Tests.Matching;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

public sealed class WaitingFragmentsSpecs : IDisposable
{
    private static readonly DataPlaneOptions _options = ForwardingLab.Defaults;
    private readonly PacketBatchPool _pool = new(1 << 20);
    private readonly WaitingFragments _room = new(TimeSpan.FromMilliseconds(100), _options.Mtu);
    private readonly EniGate _gate;
    private readonly EniGate _other;

    public WaitingFragmentsSpecs()
    {
        _gate = new(1, _options, _pool, _room);
        _other = new(2, _options, _pool, _room);
    }

    public void Dispose()
    {
        _gate.Dispose();
        _other.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_give_back_what_waits_for_a_packet_in_the_order_it_came(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        var last = packets.Fragment(2960, more: false, id: 7, reply: true);
        var middle = packets.Fragment(1480, more: true, id: 7, reply: true);
        Assert.Equal(0, Wait(_gate, last));
        Assert.Equal(0, Wait(_gate, packets.Fragment(1480, more: false, id: 8, reply: true)));
        Assert.Equal(0, Wait(_other, last));
        Assert.Equal(0, Wait(_gate, middle));

        Assert.Equal(last, Take(_gate, last));
        Assert.Equal(middle, Take(_gate, last));
        Assert.Empty(Take(_gate, last));
        Assert.Equal(2, _room.Count);
    }

    [Fact]
    public void Should_answer_at_once_when_the_first_has_passed_meanwhile()
    {
        var packets = new TestPackets(ipv6: false);
        var first = packets.Fragment(0, more: true, id: 7);
        Learn(_gate, first);
        Span<byte> header = stackalloc byte[GwlbGeneveHeader.MaximumLength];
        Assert.NotEqual(0, _gate.Matcher!.Find(_gate.Matcher.Prefetch(first, Parsed(first)), first, Parsed(first), header, out _, 0));

        Assert.Equal(40, Wait(_gate, packets.Fragment(1480, more: false, id: 7)));
        Assert.Equal(0, _room.Count);
    }

    [Fact]
    public void Should_drop_what_has_waited_too_long_and_count_it()
    {
        var fragment = new TestPackets(ipv6: false).Fragment(1480, more: false, id: 7);
        Wait(_gate, fragment, nowMs: 1000);

        _room.Expire(nowMs: 1100);
        Assert.Equal((1, 0ul), (_room.Count, Dropped(_gate)));
        Assert.Empty(Take(_gate, fragment, nowMs: 1101));
        Assert.Equal((0, 1ul), (_room.Count, Dropped(_gate)));
    }

    [Fact]
    public void Should_let_the_oldest_give_way_when_an_endpoint_has_its_share()
    {
        var packets = new TestPackets(ipv6: false);
        Wait(_other, packets.Fragment(1480, more: false, id: 1));
        for (uint id = 1; id <= WaitingFragments.CapacityPerEni + 1; id++)
            Assert.Equal(0, Wait(_gate, packets.Fragment(1480, more: false, id)));

        Assert.Equal((WaitingFragments.CapacityPerEni + 1, 1ul, 0ul), (_room.Count, Dropped(_gate), Dropped(_other)));
        Assert.Empty(Take(_gate, packets.Fragment(1480, more: false, id: 1)));
        Assert.NotEmpty(Take(_gate, packets.Fragment(1480, more: false, id: 2)));
        Assert.NotEmpty(Take(_other, packets.Fragment(1480, more: false, id: 1)));
    }

    [Fact]
    public void Should_let_the_oldest_of_all_give_way_when_the_room_is_full()
    {
        const int Share = 100;
        var packets = new TestPackets(ipv6: false);
        EniGate[] gates = [.. Enumerable.Range(10, 6).Select(id => new EniGate((ulong)id, _options, _pool, _room))];
        foreach (var gate in gates)
        {
            for (uint id = 1; id <= Share; id++)
                Wait(gate, packets.Fragment(1480, more: false, id));
        }

        Assert.Equal(WaitingFragments.Capacity, _room.Count);
        Assert.Equal((ulong)((gates.Length * Share) - WaitingFragments.Capacity), Dropped(gates[0]));
        Assert.All(gates[1..], gate => Assert.Equal(0ul, Dropped(gate)));
        Array.ForEach(gates, gate => gate.Dispose());
        Assert.Equal(0, _room.Count);
    }

    [Fact]
    public void Should_allocate_nothing_when_threads_meet()
    {
        const int Threads = 4;
        using var start = new Barrier(Threads);
        var allocated = new long[Threads];
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(number => new Thread(() =>
        {
            var fragment = new TestPackets(ipv6: false).Fragment(1480, more: false, id: (uint)number);
            var key = Key(fragment);
            var header = new byte[GwlbGeneveHeader.MaximumLength];
            var packet = new byte[10_000];
            _ = _room.FindOrWait(_gate, fragment, key, header, out _, 0);
            _ = _room.Take(_gate, key, packet, 0);
            start.SignalAndWait();
            allocated[number] = Allocations.InLeastRound(() =>
            {
                for (var i = 0; i < 20_000; i++)
                {
                    _ = _room.FindOrWait(_gate, fragment, key, header, out _, 0);
                    if (i % 3 != 0)
                        _ = _room.Take(_gate, key, packet, 0);
                }
            });
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        Assert.All(allocated, bytes => Assert.Equal(0, bytes));
        // The last calls of some threads took one each.
        Assert.InRange(_room.Count, WaitingFragments.CapacityPerEni - Threads, WaitingFragments.CapacityPerEni);
        _room.Forget(_gate);
        Assert.Equal(0, _room.Count);
    }

    [Fact]
    public void Should_not_take_what_is_larger_than_the_devices_let_through()
    {
        var large = IpBytes.Ipv4(IpProtocol.Udp, new byte[20_000], fragment: 185);
        Assert.Equal(-1, Wait(_gate, large));
    }

    [Fact]
    public void Should_let_nothing_wait_when_told_so()
    {
        using var gate = new EniGate(3, _options, _pool, new WaitingFragments(TimeSpan.Zero, _options.Mtu));
        Assert.Equal(-1, Wait(gate, new TestPackets(ipv6: false).Fragment(1480, more: false, id: 7)));
    }

    private static int Wait(EniGate gate, byte[] fragment, long nowMs = 0) => gate.WaitingFragments.FindOrWait(
        gate, fragment, Key(fragment), stackalloc byte[GwlbGeneveHeader.MaximumLength], out _, nowMs);

    private static byte[] Take(EniGate gate, byte[] fragment, long nowMs = 0)
    {
        var packet = new byte[10_000];
        return packet[..gate.WaitingFragments.Take(gate, Key(fragment), packet, nowMs)];
    }

    private static FlowKey Key(byte[] fragment) => FlowKey.OfFragment(fragment, Parsed(fragment), FragmentTeacher.LoadBalancer);

    private static InnerPacket Parsed(byte[] packet)
    {
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
        return inner;
    }

    private static void Learn(EniGate gate, byte[] packet)
    {
        var header = GeneveBytes.Standard().Build();
        Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(header, out var parsed));
        Assert.Equal(DropReason.None, gate.Matcher!.Learn(gate.Matcher.Prefetch(packet, Parsed(packet)), packet, Parsed(packet), header, parsed, new OuterPath(1, 2, 3), 0));
    }

    private static ulong Dropped(EniGate gate)
    {
        var totals = new ulong[DropReasons.Count];
        gate.Counters.AddDropsTo(totals);
        return totals[(int)DropReason.FragmentWithoutFirst];
    }
}
