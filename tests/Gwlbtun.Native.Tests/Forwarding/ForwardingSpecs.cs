using System.Buffers.Binary;
using System.Diagnostics;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

public unsafe class ForwardingSpecs
{
    private const ulong Eni = 0x0b8ee1d4db0c51c0;
    private const ulong Enis = 3;

    [Fact]
    public void Should_return_the_inner_packet_behind_its_own_Geneve_header() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        var sent = ForwardingLab.Datagram(Eni, 0xdecafbad, size: 1400);

        lab.Send(sent);

        var returned = Assert.Single(lab.ReceiveReturned(1));
        Assert.Equal(sent.AsSpan(0, 40), returned.AsSpan(0, 40));
        // One hop further: TTL and with it the header checksum are the router's to change.
        Assert.Equal(63, returned[48]);
        Assert.Equal(sent.AsSpan(52), returned.AsSpan(52));
    });

    [Fact]
    public void Should_return_from_the_flows_own_source_port() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        lab.Send(ForwardingLab.Datagram(Eni, 1));
        var sources = new List<(uint Address, ushort Port)>();
        var waited = Stopwatch.StartNew();
        while (sources.Count == 0 && waited.Elapsed < Wait.Patience)
            lab.ReceiveSome((ref datagram) => sources.Add((datagram.SourceAddress, datagram.SourcePort)));
        Assert.Equal((0x0200007fu, ForwardingLab.SourcePort), Assert.Single(sources));
    });

    [Fact]
    public void Should_allocate_nothing_on_data_threads_while_a_million_packets_of_several_endpoints_pass() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        for (var eni = Eni; eni < Eni + Enis; eni++)
            _ = lab.Establish(eni);
        DataThread[] threads = [.. lab.Receivers, .. lab.Pool.Threads];
        // Long enough for the runtime to compile the packet path in its last form, which costs a thread a few bytes once.
        Pump(lab, 300_000);

        Assert.Equal(0, Allocations.InLeastRound(() => Pump(lab, 1_000_000), () => threads.Sum(thread => thread.AllocatedBytes)));
        Assert.Equal(0ul, lab.Drops().Aggregate(0ul, (sum, count) => sum + count));
    });

    [Fact]
    public void Should_deliver_held_packets_in_order_and_before_later_ones_when_the_gate_opens_under_traffic() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var numbered = Enumerable.Range(0, 3000).Select(i => ForwardingLab.Datagram(Eni, 1, sequence: i)).ToArray();
        lab.Send(numbered.AsSpan(0, 2000));
        var gate = lab.TakeNewEni();
        Assert.True(SpinWait.SpinUntil(() => gate.HeldPackets == 2000, Wait.Patience));
        var port = lab.OpenPort(gate);

        // The rest arrives while the gate is being opened.
        var opening = new Thread(() => gate.Open(port));
        opening.Start();
        lab.Send(numbered.AsSpan(2000));
        opening.Join();

        var returned = lab.ReceiveReturned(3000);
        Assert.Equal(Enumerable.Range(0, 3000), returned.Select(ForwardingLab.SequenceOf));
        lab.ClosePort(port);
    });

    [Fact]
    public void Should_lose_nothing_when_tunnels_are_withdrawn_and_rebuilt_under_traffic() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var steady = lab.Establish(Eni);
        var coming = lab.Establish(Eni + 1);
        var stop = false;
        long sent = 0;
        long returned = 0;
        var traffic = new Thread(() =>
        {
            while (!Volatile.Read(ref stop) || returned < sent)
            {
                if (!Volatile.Read(ref stop) && sent - returned < 256)
                {
                    lab.Send(ForwardingLab.Datagram(Eni, 1), ForwardingLab.Datagram(Eni, 1, source: "0a000007"));
                    sent += 2;
                    // Its packets may be lost in the queues of devices that are deleted; they must never crash or stray.
                    lab.Send(ForwardingLab.Datagram(Eni + 1, 2));
                }

                lab.ReceiveSome((ref datagram) => returned += BinaryPrimitives.ReadUInt64BigEndian(new Span<byte>(datagram.Payload + 12, 8)) == Eni ? 1 : 0);
            }
        });
        traffic.Start();

        bool hasEnded;
        try
        {
            for (var round = 0; round < 40; round++)
            {
                var gate = coming.Gate;
                lab.ClosePort(coming);
                coming = lab.OpenPort(gate);
                gate.Open(coming);
            }
        }
        finally
        {
            // Whatever happens, not after the lab has freed what it sends from.
            Volatile.Write(ref stop, true);
            hasEnded = traffic.Join(Wait.Patience);
        }

        Assert.True(hasEnded, $"{sent - returned} packets of the steady endpoint were lost. {lab.DescribeDrops()}");
        Assert.Empty(lab.Faults);
        Assert.Empty(lab.Deaths);
        lab.ClosePort(coming);
        lab.ClosePort(steady);
    });

    [Fact]
    public void Should_report_once_and_hold_packets_when_a_device_is_deleted() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var port = lab.Establish(Eni);
        var gate = port.Gate;

        NetworkNamespace.Shell($"ip link del {port.Ingress.Name}");
        lab.Send(ForwardingLab.Datagram(Eni, 1), ForwardingLab.Datagram(Eni, 2), ForwardingLab.Datagram(Eni, 3));

        Assert.True(lab.Faults.TryTake(out var fault, Wait.Patience));
        Assert.Equal(port, fault.Port);
        Assert.True(SpinWait.SpinUntil(() => gate.HeldPackets == 3, Wait.Patience), $"{gate.HeldPackets} held. {lab.DescribeDrops()}");
        lab.ClosePort(port);
        var rebuilt = lab.OpenPort(gate);
        gate.Open(rebuilt);
        Assert.Equal(3, lab.ReceiveReturned(3).Count);
        Assert.Empty(lab.Faults);
        lab.ClosePort(rebuilt);
    });

    [Fact]
    public void Should_say_so_when_a_thread_dies_and_go_on_with_another() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        var receiver = lab.Receivers[0];
        foreach (var thread in lab.Pool.Threads.Append<DataThread>(receiver))
            thread.Fail(new InvalidOperationException("A defect."));

        for (var i = 0; i < 3; i++)
        {
            Assert.True(lab.Deaths.TryTake(out var death, Wait.Patience));
            Assert.False(death.Thread.IsAlive);
            if (death.Thread is not TunnelThread dead)
                continue;
            lab.Pool.Replace(dead);
            dead.Dispose();
        }

        lab.Receivers[0] = lab.StartReceiver(0);
        receiver.Dispose();
        lab.Send(ForwardingLab.Datagram(Eni, 5));
        Assert.Single(lab.ReceiveReturned(1));
    });

    [Fact]
    public void Should_drop_and_count_what_does_not_fit_when_packets_wait() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { Hold = new() { PacketsPerEni = 10 } });
        lab.Send([.. Enumerable.Range(0, 25).Select(i => ForwardingLab.Datagram(Eni, (uint)i))]);
        var gate = lab.TakeNewEni();
        Assert.True(SpinWait.SpinUntil(() => lab.Drops()[(int)DropReason.HoldOverflow] == 15, Wait.Patience), lab.DescribeDrops());
        Assert.Equal(10, gate.HeldPackets);

        gate.Refuse(DropReason.EniParked);

        Assert.Equal(0, gate.HeldPackets);
        Assert.Equal(0, lab.Registry.HeldBytes);
        Assert.Equal(10ul, lab.Drops()[(int)DropReason.EniParked]);
        Assert.True(lab.Registry.TryRemove(gate));
    });

    [Fact]
    public void Should_admit_no_more_endpoints_than_configured() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { MaxEnis = 2 });
        lab.Send([.. Enumerable.Range(0, 5).Select(i => ForwardingLab.Datagram(Eni + (ulong)i, 0))]);
        Assert.True(SpinWait.SpinUntil(() => lab.Drops()[(int)DropReason.TooManyEnis] == 3, Wait.Patience), lab.DescribeDrops());
        Assert.Equal(2, lab.Registry.Current.Gates.Count);
    });

    [Fact]
    public void Should_keep_what_waits_when_a_device_fails_while_the_gate_opens() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        lab.Send([.. Enumerable.Range(0, 1000).Select(i => ForwardingLab.Datagram(Eni, 1, sequence: i))]);
        var gate = lab.TakeNewEni();
        Assert.True(SpinWait.SpinUntil(() => gate.HeldPackets == 1000, Wait.Patience));
        var broken = lab.OpenPort(gate);
        NetworkNamespace.Shell($"ip link set {broken.Ingress.Name} down");

        gate.Open(broken);

        Assert.Equal(1000, gate.HeldPackets);
        Assert.Null(gate.Port);
        Assert.Equal(broken, Assert.Single(lab.Faults).Port);
        lab.ClosePort(broken);
        gate.Open(lab.OpenPort(gate));
        Assert.Equal(Enumerable.Range(0, 1000), lab.ReceiveReturned(1000).Select(ForwardingLab.SequenceOf));
    });

    [Fact]
    public void Should_open_the_gate_although_packets_come_faster_than_they_are_written() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var burst = Enumerable.Range(0, 64).Select(i => ForwardingLab.Datagram(Eni, 1, sequence: i)).ToArray();
        lab.Send(burst);
        var gate = lab.TakeNewEni();
        var port = lab.OpenPort(gate);
        var stop = false;
        var flood = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
                lab.Send(burst);
        });
        flood.Start();
        Assert.True(SpinWait.SpinUntil(() => gate.HeldPackets > 5000, Wait.Patience));

        var opening = new Thread(() => gate.Open(port));
        opening.Start();
        var isOpen = opening.Join(Wait.Patience);
        Volatile.Write(ref stop, true);
        flood.Join();

        Assert.True(isOpen);
        Assert.Equal(port, gate.Port);
    });

    [Fact]
    public void Should_count_what_the_uplinks_queue_drops() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        // Less room than bursts on their way in and out need together: again and again, until enough of those on their way out were lost.
        NetworkNamespace.Shell("tc qdisc add dev lo root tbf rate 1mbit burst 13kb limit 2kb");
        var burst = Enumerable.Range(0, 64).Select(_ => ForwardingLab.Datagram(Eni, 1)).ToArray();

        bool HasLostSome()
        {
            lab.Send(burst);
            return lab.Drops()[(int)DropReason.SendQueueFull] > 10;
        }

        Assert.True(SpinWait.SpinUntil(HasLostSome, Wait.Patience), lab.DescribeDrops());
    });

    [Fact]
    public void Should_give_devices_long_queues_and_no_queue_discipline() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var port = lab.Establish(Eni);
        foreach (var device in new[] { port.Ingress.Name, port.Egress!.Name })
        {
            NetworkNamespace.Shell($"ip link show {device} | grep -q 'mtu 8500 qdisc noqueue .* qlen {lab.Options.QueueLength}' || {{ ip link show {device} >&2; false; }}");
        }
    });

    [Fact]
    public void Should_refuse_to_share_the_devices_of_another_program() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var port = lab.Establish(Eni);
        Assert.Throws<LinuxException>(() => TunnelPort.Open(port.Gate, lab.Options, lab));
    });

    [Fact]
    public void Should_count_once_what_was_not_learned_although_its_device_fails_and_is_rebuilt() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var port = lab.Establish(Eni);
        NetworkNamespace.Shell($"ip link set {port.Ingress.Name} down");
        var packet = IpBytes.Ipv6(IpProtocol.HopByHop, IpBytes.Extension(IpProtocol.Udp, 2, []).AsSpan(0, 8));
        lab.Send(new GeneveBytes { ProtocolType = EtherType.Ipv6 }.EniId(Eni).AttachmentId(0).FlowCookie(1).Build(packet));
        Assert.True(SpinWait.SpinUntil(() => port.Gate.HeldPackets == 1, Wait.Patience), lab.DescribeDrops());

        lab.ClosePort(port);
        port.Gate.Open(lab.OpenPort(port.Gate));

        Assert.Equal(1ul, lab.Drops()[(int)DropReason.FlowHeaderChain]);
    });

    [Fact]
    public void Should_make_no_endpoint_for_a_header_without_a_packet() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        lab.Send(ForwardingLab.Datagram(Eni, 1)[..40]);
        Assert.True(SpinWait.SpinUntil(() => lab.Drops()[(int)DropReason.InnerTruncated] == 1, Wait.Patience), lab.DescribeDrops());
        Assert.Empty(lab.Registry.Current.Gates);
    });

    private static void Pump(ForwardingLab lab, int packets)
    {
        var burst = Enumerable.Range(0, 64).Select(i => ForwardingLab.Datagram(Eni + ((ulong)i % Enis), 1, source: $"0a0000{i + 1:x2}")).ToArray();
        var sent = 0;
        var returned = 0;
        var since = Stopwatch.StartNew();
        while (returned < packets)
        {
            if (sent < packets && sent - returned < 512)
            {
                lab.Send(burst);
                sent += burst.Length;
            }

            var some = lab.ReceiveSome((ref datagram) => { });
            returned += some;
            if (some > 0)
                since.Restart();
            Assert.True(since.Elapsed < Wait.Patience, $"{sent - returned} packets did not come back. {lab.DescribeDrops()}");
        }
    }
}
