using System.Buffers.Binary;
using System.Diagnostics;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>Which queue a packet comes back through.</summary>
public sealed unsafe class QueueSteeringSpecs
{
    private const int Queues = 8;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_bring_a_packet_back_through_the_queue_that_it_was_written_to(bool ipv6) => NetworkNamespace.Run(() =>
    {
        using var ingress = Open("gwi-steer");
        using var egress = Open("gwo-steer");
        Assert.True(QueueSteering.TryAttach(egress, ingress.InterfaceIndex, out var error), error.ToString());
        NetworkNamespace.Shell("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding && ip route add default dev gwo-steer && ip -6 route add default dev gwo-steer");

        for (var queue = 0; queue < Queues; queue++)
        {
            for (ushort port = 1000; port < 1020; port++)
            {
                Write(ingress, queue, Packet(ipv6, port, 53));
                Assert.Equal(queue, QueueOfNext(egress));
            }
        }
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_spread_packets_from_elsewhere_by_flow_and_keep_both_directions_together(bool ipv6) => NetworkNamespace.Run(() =>
    {
        using var ingress = Open("gwi-steer");
        using var elsewhere = Open("elsewhere");
        using var egress = Open("gwo-steer");
        Assert.True(QueueSteering.TryAttach(egress, ingress.InterfaceIndex, out var error), error.ToString());
        NetworkNamespace.Shell("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding && ip route add default dev gwo-steer && ip -6 route add default dev gwo-steer");

        var seen = new HashSet<int>();
        for (ushort port = 1000; port < 1200; port++)
        {
            Write(elsewhere, 0, Packet(ipv6, port, 53));
            var queue = QueueOfNext(egress);
            seen.Add(queue);
            for (var other = 1; other < Queues; other++)
            {
                Write(elsewhere, other, Packet(ipv6, port, 53));
                Assert.Equal(queue, QueueOfNext(egress));
                Write(elsewhere, other, Packet(ipv6, 53, port, isReply: true));
                Assert.Equal(queue, QueueOfNext(egress));
            }
        }

        Assert.Equal(Queues, seen.Count);
    });

    private static TunDevice Open(string name)
    {
        var device = TunDevice.Create(name, Queues);
        RouteNetlink.BringUp(device.InterfaceIndex, 1500, 100);
        return device;
    }

    private static byte[] Packet(bool ipv6, ushort source, ushort destination, bool isReply = false)
    {
        var (client, server) = ipv6 ? ("20010db8000000000000000000000001", "20010db8000000000000000000010002") : ("0a000001", "0b000002");
        var (from, to) = isReply ? (server, client) : (client, server);
        var udp = IpBytes.Udp(source, destination, new byte[20]);
        if (ipv6)
            return IpBytes.Ipv6(17, udp, from, to);
        var packet = IpBytes.Ipv4(17, udp, source: from, destination: to);
        packet.AsSpan(10, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), InternetChecksum.Compute(packet.AsSpan(0, 20)));
        return packet;
    }

    private static void Write(TunDevice device, int queue, byte[] packet)
    {
        fixed (byte* start = packet)
            _ = device.Write(queue, start, packet.Length).OrThrow("write a packet");
    }

    // The kernel's own announcements are passed over.
    private static int QueueOfNext(TunDevice device)
    {
        var buffer = stackalloc byte[2048];
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Wait.Patience;)
        {
            for (var queue = 0; queue < Queues; queue++)
            {
                var read = device.Read(queue, buffer, 2048);
                if (!read.IsError && (buffer[0] >> 4 == 4 ? buffer[9] : buffer[6]) == 17)
                    return queue;
            }
        }

        throw new InvalidOperationException("No packet came out.");
    }
}
