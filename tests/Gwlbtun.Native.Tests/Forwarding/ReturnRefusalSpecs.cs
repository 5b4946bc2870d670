using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Uplink;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>Super-packets for which the uplink has no room.</summary>
public sealed unsafe partial class ReturnRefusalSpecs
{
    private const string Device = "tap0";
    private const string Neighbour = "10.8.0.2";
    private const string Own = "10.8.0.1";
    private const int Paths = 3;
    private const int PacketBytes = 400;
    private const int SequenceOffset = 14 + 20 + 8 + 40 + 20 + 8; // behind Ethernet, IPv4, UDP, Geneve, IPv4 and UDP

    private static readonly byte[] _header = GeneveBytes.Standard(0x1234, flowCookie: 7).Build([]).AsSpan(0, 40).ToArray();

    // For which the kernel takes them apart: of one that finds no room, some packets leave.
    [Fact]
    public void Should_send_none_twice_when_the_uplink_has_no_queue() => UplinkLab.Run(uplink =>
    {
        // A device that takes 100 packets until they are read: less than two frames of 64.
        var tap = OpenTap();
        try
        {
            NetworkNamespace.Shell($"ip addr add {Own}/24 dev {Device} && ip link set {Device} txqueuelen 100 && tc qdisc replace dev {Device} root noqueue && ip link set {Device} up");
            UplinkLab.Know(Neighbour, UplinkLab.PeerMac, Device);
            Assert.Equal(SuperPacketFate.LeavesInPart, uplink.FindKnown(Neighbour, Own).SuperPackets);
            using var socket = UdpSocket.Open(new IPEndPoint(IPAddress.Parse(Own), 6081), 1 << 20);
            using var counters = new CounterBlocks(1);
            using var path = ReturnPath.Open(socket, uplink.Hops, joins: true);
            Dictionary<uint, int> arrivals = [];
            var end = false;
            var reader = new Thread(() =>
            {
                // What is there, and again: the device is full at any moment of a send.
                var frame = stackalloc byte[2048];
                while (!Volatile.Read(ref end) || Poll.WaitReadable(tap, 0))
                {
                    var read = FileDescriptor.Read(tap, frame, 2048);
                    if (!read.IsError && read.Value > SequenceOffset + sizeof(uint) && frame[12] == 8 && frame[13] == 0)
                        CollectionsMarshal.GetValueRefOrAddDefault(arrivals, BinaryPrimitives.ReadUInt32BigEndian(new(frame + SequenceOffset, sizeof(uint))), out _)++;
                }
            });
            reader.IsBackground = true;
            reader.Start();

            uint sent = 0;
            try
            {
                for (var clock = Stopwatch.StartNew(); DroppedByDevice() < 10_000 && clock.Elapsed < Wait.Patience;)
                {
                    for (; !path.Packets.IsFull; sent++)
                        Append(path, Neighbour, Own, sent, counters[0]);
                    path.Flush();
                }
            }
            finally
            {
                Volatile.Write(ref end, true);
                reader.Join();
            }

            // Each is there once, or counted; by us, when we are told, else by the device alone.
            Assert.Empty(arrivals.Where(arrival => arrival.Value != 1).Select(arrival => $"{arrival.Key}: {arrival.Value} times"));
            var missing = sent - (ulong)arrivals.Count;
            Assert.InRange(missing, 1ul, DroppedByDevice() + counters[0]->Drops(DropReason.SendQueueFull));
        }
        finally
        {
            FileDescriptor.Close(tap);
        }
    });

    // It counts bytes: what is too large for it would be lost for ever, unless its packets went by themselves. Also when nothing may be waited.
    [Theory]
    [InlineData(0)]
    [InlineData(14)]
    public void Should_send_packets_by_themselves_when_together_they_are_too_large_for_the_queue(int mostMs) => UplinkLab.Run(uplink =>
    {
        const uint Frame = 20;
        // Nothing else is to be sent, no answer to the peer's own question either.
        NetworkNamespace.Shell("sysctl -qw net.ipv6.conf.up0.disable_ipv6=1");
        uplink.InPeer($"ip neigh replace {UplinkLab.Source} lladdr {UplinkLab.UplinkMac} dev peer0 nud permanent");
        Shape(uplink, "rate 100mbit burst 3kb", "bfifo limit 5kb");
        using var socket = UdpSocket.Open(new IPEndPoint(IPAddress.Parse(UplinkLab.Source), 6081), 1 << 20);
        using var counters = new CounterBlocks(1);
        double waited = 0;
        var clock = new FakeTimeProvider();
        FullQueuePatience patience = new(clock, milliseconds =>
        {
            waited += milliseconds;
            clock.Advance(TimeSpan.FromMilliseconds(milliseconds));
            // Longer than it counts: all that waits has left by then, also where the machine is slow.
            Poll.Sleep(20 * milliseconds);
        });
        while (waited < FullQueuePatience.MostMs - mostMs && patience.TryWait())
        {
        }
        waited = 0;
        using var path = ReturnPath.Open(socket, uplink.Hops, joins: true, patience);

        // A frame a path. What the first one finds out, after five waits, holds for the others.
        var before = SentBy("up0");
        for (uint sequence = 0; sequence < Frame * Paths; sequence++)
            Append(path, UplinkLab.Peer, UplinkLab.Source, sequence, counters[0]);
        path.Flush();

        var dropped = counters[0]->Drops(DropReason.SendQueueFull);
        Assert.True(SpinWait.SpinUntil(() => SentBy("up0") - before == (Frame * Paths) - dropped, Wait.Patience), $"{SentBy("up0") - before} sent, {dropped} dropped, {waited} ms waited");
        Assert.InRange(dropped, 0ul, mostMs == 0 ? (Frame * Paths) - 1 : 0);
    });

    // The kernel says that it has room when half of it is free, which takes longer than a thread waits at once.
    [Fact]
    public void Should_lose_none_when_a_slow_link_lets_the_send_buffer_be_full() => UplinkLab.Run(uplink =>
    {
        // Gwlbtun waits for at most 20 ms at a time, for which a machine that stalls may keep the link from sending anything: then packets are rightly
        // lost. One of a few times none is.
        const int Times = 3;
        const int MoreThanTheBuffer = 48 << 20;
        Shape(uplink, "rate 400mbit", "pfifo limit 100000");
        using var socket = UdpSocket.Open(new IPEndPoint(IPAddress.Parse(UplinkLab.Source), 6081), 1 << 20);
        using var counters = new CounterBlocks(1);
        using var path = ReturnPath.Open(socket, uplink.Hops, joins: true);

        List<ulong> dropped = [];
        do
        {
            var before = counters[0]->Drops(DropReason.SendQueueFull);
            for (uint sequence = 0; sequence < MoreThanTheBuffer / PacketBytes; path.Flush())
            {
                for (; !path.Packets.IsFull; sequence++)
                    Append(path, UplinkLab.Peer, UplinkLab.Source, sequence, counters[0]);
            }

            dropped.Add(counters[0]->Drops(DropReason.SendQueueFull) - before);
        }
        while (dropped[^1] != 0 && dropped.Count < Times);

        Assert.True(dropped[^1] == 0, $"{string.Join(", ", dropped)} dropped");
    });

    private static void Shape(UplinkLab uplink, string rate, string queue)
    {
        NetworkNamespace.Shell($"tc qdisc add dev up0 root handle 1: htb default 1 && tc class add dev up0 parent 1: classid 1:1 htb {rate} && tc qdisc add dev up0 parent 1:1 {queue}");
        UplinkLab.Know(UplinkLab.Peer, UplinkLab.PeerMac, "up0");
        uplink.FindWhen(hop => hop.SuperPackets == SuperPacketFate.MayNeverFit);
    }

    private static void Append(ReturnPath path, string neighbour, string own, uint sequence, CounterBlock* counters)
    {
        var payload = new byte[PacketBytes];
        BinaryPrimitives.WriteUInt32BigEndian(payload, sequence);
        var packet = IpBytes.Ipv4(17, IpBytes.Udp(1000, 2000, payload));
        var start = path.Packets.Next;
        packet.CopyTo(new Span<byte>(start, packet.Length));
        path.Packets.Take(packet.Length);
        path.Append(start, packet.Length, _header, new OuterPath(UplinkLab.Address(neighbour), UplinkLab.Address(own), (ushort)(40_001 + sequence % Paths)), counters);
    }

    private static ulong SentBy(string device) => Statistic(device, 9);

    private static ulong DroppedByDevice() => Statistic(Device, 11);

    // The numbers behind the name, from 0 (proc_pid_net(5)).
    private static ulong Statistic(string device, int index) => ulong.Parse(
        File.ReadLines("/proc/thread-self/net/dev").Single(line => line.Contains(device + ":", StringComparison.Ordinal)).Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[index],
        CultureInfo.InvariantCulture);

    private static int OpenTap()
    {
        const int ReadWriteNonBlocking = 0x802;
        var fd = SysResult.From(open(Encoding.ASCII.GetBytes(TunDevice.ControlPath + '\0'), ReadWriteNonBlocking)).OrThrow("open the control device");
        InterfaceRequest request = default;
        Encoding.ASCII.GetBytes(Device, new Span<byte>(request.Name, 15));
        request.Flags = IffTap | TunDevice.IffNoPi;
        _ = SysResult.From(ioctl(fd, TunDevice.TunSetIff, &request)).OrThrow("make a TAP device");
        return fd;
    }

    private const ushort IffTap = 0x0002;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int open([In] byte[] path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int fd, nuint request, void* argument);
}
