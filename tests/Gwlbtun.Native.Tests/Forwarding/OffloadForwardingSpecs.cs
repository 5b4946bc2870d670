using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>Super-packets both ways through the whole data plane, where they cannot leave whole: to a load balancer behind the loopback device.</summary>
[Collection(UndisturbedCollection.Name)]
public sealed partial class OffloadForwardingSpecs
{
    private const ulong Eni = 0x1234;
    private const int InnerOffset = 40;
    private const int UdpOffset = InnerOffset + 20;
    private const int Window = 512;
    private const int NetRaw = 13; // CAP_NET_RAW, linux/capability.h

    private static readonly DataPlaneOptions _options = ForwardingLab.Defaults with { Offloads = OffloadFeatures.All };

    [Fact]
    public void Should_return_every_packet_when_the_uplink_has_no_neighbours() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(_options);
        var port = lab.Establish(Eni);

        new NumberedPackets(lab).Pass(20_000, () => true);

        AssertMerged(port, 20_000);
    });

    [Fact]
    public void Should_return_every_packet_through_bound_sockets() => NetworkNamespace.Run(() =>
    {
        WithoutRawSockets(() =>
        {
            using var lab = new ForwardingLab(_options);
            Assert.True(lab.Pool.UsesBoundSockets);
            var port = lab.Establish(Eni);

            new NumberedPackets(lab).Pass(20_000, () => true);

            AssertMerged(port, 20_000);
        });
    });

    [Fact]
    public void Should_lose_nothing_and_allocate_nothing_while_the_heap_is_collected_again_and_again() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(_options);
        _ = lab.Establish(Eni);
        DataThread[] threads = [.. lab.Receivers, .. lab.Pool.Threads];
        var packets = new NumberedPackets(lab);
        // Long enough for the runtime to compile the packet path in its last form, which costs a thread a few bytes once.
        packets.Pass(300_000, () => true);

        using var stop = new ManualResetEventSlim();
        var collections = 0;
        var collector = new Thread(() =>
        {
            while (!stop.Wait(100))
            {
                GC.Collect(2, GCCollectionMode.Forced, blocking: true);
                Interlocked.Increment(ref collections);
            }
        });
        collector.Start();
        long allocated;
        try
        {
            // The compiler may come to it later still, where it is not let run.
            allocated = Allocations.InLeastRound(
                () =>
                {
                    var before = Volatile.Read(ref collections);
                    packets.Pass(200_000, () => Volatile.Read(ref collections) >= before + 10);
                },
                () => threads.Sum(thread => thread.AllocatedBytes));
        }
        finally
        {
            stop.Set();
            collector.Join();
        }

        Assert.Equal(0, allocated);
    });

    /// <summary>Then each write brings back more packets than reads that get super-packets would take, into a queue that holds fewer than come in all.</summary>
    [Fact]
    public void Should_lose_nothing_when_what_goes_in_merged_comes_back_in_pieces() => NetworkNamespace.Run(() =>
    {
        const int moreThanAQueueHolds = 12_000;
        using var lab = new ForwardingLab(_options with { Offloads = OffloadFeatures.All with { OutOf = MergeKinds.None } });
        var port = lab.Establish(Eni);
        lab.StopReceivers();
        lab.Send(new NumberedPackets(lab).Next(moreThanAQueueHolds));
        lab.Receivers.Add(lab.StartReceiver(0));
        lab.Receivers[0].RequestStop();

        Assert.True(lab.Receivers[0].Completion.Wait(Wait.Patience));
        Assert.Equal(Enumerable.Range(1, moreThanAQueueHolds), lab.ReceiveReturned(moreThanAQueueHolds).Select(ForwardingLab.SequenceOf));
        AssertMerged(port, moreThanAQueueHolds);
    });

    private static void AssertMerged(TunnelPort port, int packets)
    {
        // A super-packet is one to the device; to our own counters it is what it is made of.
        var device = File.ReadAllLines("/proc/thread-self/net/dev").Single(line => line.Contains(port.Ingress.Name, StringComparison.Ordinal));
        Assert.InRange(long.Parse(device.Split((char[])[' ', ':'], StringSplitOptions.RemoveEmptyEntries)[2], System.Globalization.CultureInfo.InvariantCulture), 1, packets / 2);
        Assert.True(port.Gate.Counters.Delivered.Packets >= (ulong)packets);
    }

    // Capabilities are each thread's own; those of the programs that it starts are root's again.
    private static unsafe void WithoutRawSockets(Action body)
    {
        ulong header = 0x2008_0522; // _LINUX_CAPABILITY_VERSION_3, of the calling thread
        var sets = stackalloc uint[6];
        Assert.Equal(0, capget(&header, sets));
        sets[0] &= ~(1u << NetRaw);
        Assert.Equal(0, capset(&header, sets));
        body();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int capget(ulong* header, uint* data);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int capset(ulong* header, uint* data);

    /// <summary>Packets of a flow with a number each and sound checksums, sent in bursts, each of which must come back once and with its bytes.</summary>
    private sealed class NumberedPackets(ForwardingLab lab)
    {
        private const int Burst = 64;

        private readonly byte[] _template = ForwardingLab.Datagram(Eni, 1, size: 400);
        private int _next = 1;

        /// <summary>Passes so many, and more until this is so.</summary>
        public void Pass(int count, Func<bool> isEnough)
        {
            var first = _next;
            HashSet<int> inFlight = [];
            var since = Stopwatch.StartNew();
            var burst = new byte[Burst][];
            while (true)
            {
                var isSending = _next - first < count || !isEnough();
                if (!isSending && inFlight.Count == 0)
                    return;
                if (isSending && inFlight.Count <= Window - Burst)
                {
                    for (var i = 0; i < Burst; i++)
                    {
                        inFlight.Add(_next);
                        burst[i] = Number(_next++);
                    }

                    lab.Send(burst);
                }

                if (lab.ReceiveSome((ref datagram) => Take(ref datagram, inFlight)) > 0)
                    since.Restart();
                Assert.True(since.Elapsed < Wait.Patience, $"{inFlight.Count} packets did not come back. {lab.DescribeDrops()}");
            }
        }

        /// <summary>The next so many.</summary>
        public byte[][] Next(int count) => [.. Enumerable.Range(0, count).Select(_ => Number(_next++))];

        private unsafe void Take(ref ReceivedDatagram datagram, HashSet<int> inFlight)
        {
            var returned = new ReadOnlySpan<byte>(datagram.Payload, datagram.Length);
            var number = BinaryPrimitives.ReadInt32BigEndian(returned[(UdpOffset + 8)..]);
            Assert.True(inFlight.Remove(number), $"Packet {number} came back twice, or was never sent.");
            // The router's hop counts in the IP header; all that follows is as it was.
            Assert.True(returned[UdpOffset..].SequenceEqual(Number(number).AsSpan(UdpOffset)), $"Packet {number} came back as another.");
        }

        private byte[] Number(int number)
        {
            var datagram = (byte[])_template.Clone();
            // Identifications that follow one another, as the packets of a host's flow have.
            var ip = datagram.AsSpan(InnerOffset, UdpOffset - InnerOffset);
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)number);
            ip[10] = ip[11] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], InternetChecksum.Compute(ip));
            BinaryPrimitives.WriteInt32BigEndian(datagram.AsSpan(UdpOffset + 8), number);
            var udp = datagram.AsSpan(UdpOffset);
            udp[6] = udp[7] = 0;
            _ = InnerPacket.TryParse(datagram.AsSpan(InnerOffset), out var inner);
            BinaryPrimitives.WriteUInt16BigEndian(udp[6..], InternetChecksum.Transport(datagram.AsSpan(InnerOffset), inner));
            return datagram;
        }
    }
}
