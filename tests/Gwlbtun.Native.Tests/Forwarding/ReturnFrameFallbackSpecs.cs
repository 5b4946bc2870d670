using System.Net;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Tests.Uplink;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>A frame whose interface is gone by the time that it is sent: its packets go by themselves.</summary>
public sealed unsafe class ReturnFrameFallbackSpecs
{
    private const ushort GenevePort = 6081;
    private const int SegmentBytes = 100;

    [Theory]
    [InlineData(2)]
    [InlineData(20)]
    [InlineData(64)]
    [InlineData(150)]
    public void Should_send_each_segment_where_the_kernels_routes_lead_when_the_interface_has_gone(int segments) => UplinkLab.Run(uplink =>
    {
        UplinkLab.Know(UplinkLab.Peer, UplinkLab.PeerMac, "up0");
        var hop = uplink.FindKnown();
        // The next hops know of the uplink, which is not to be found where the sockets are: the load balancer is the loopback device's there.
        NetworkNamespace.Run(() =>
        {
            NetworkNamespace.Shell($"ip addr add {UplinkLab.Source}/32 dev lo && ip addr add {UplinkLab.Peer}/32 dev lo && ! ip -o link | grep -q '^{hop.InterfaceIndex}:'");
            using var loadBalancer = UdpSocket.Open(new IPEndPoint(IPAddress.Parse(UplinkLab.Peer), GenevePort), 1 << 20);
            using var counters = new CounterBlocks(1);
            using var path = ReturnPath.Open(loadBalancer, uplink.Hops, joins: true);
            var header = GeneveBytes.Standard(0x1234, flowCookie: 7).Build([]).AsSpan(0, 40).ToArray();

            var packet = IpBytes.Ipv4(17, IpBytes.Udp(1000, 2000, [.. Enumerable.Range(0, segments * SegmentBytes - 1).Select(n => (byte)n)]));
            var start = path.Packets.Next;
            packet.CopyTo(new Span<byte>(start, packet.Length));
            Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
            Assert.True(Segmenter.TryCreate(new() { GsoType = VirtioNetHeader.GsoUdp, GsoSize = SegmentBytes }, new ReadOnlySpan<byte>(start, packet.Length), inner, out var segmenter));
            path.Packets.Take(packet.Length);
            path.Append(start, segmenter, header, new OuterPath(UplinkLab.Address(UplinkLab.Peer), UplinkLab.Address(UplinkLab.Source), 40_001), counters[0]);
            var expected = Expected(segmenter, header);
            path.Flush();

            Assert.Equal(expected, Receive(loadBalancer, segments));
            for (var reason = 0; reason < DropReasons.Count; reason++)
                Assert.Equal(0ul, counters[0]->Drops((DropReason)reason));
        });
    });

    [Fact]
    public void Should_send_a_packet_where_the_kernels_routes_lead_when_the_interface_has_gone() => UplinkLab.Run(uplink =>
    {
        UplinkLab.Know(UplinkLab.Peer, UplinkLab.PeerMac, "up0");
        var hop = uplink.FindKnown();
        NetworkNamespace.Run(() =>
        {
            NetworkNamespace.Shell($"ip addr add {UplinkLab.Source}/32 dev lo && ip addr add {UplinkLab.Peer}/32 dev lo && ! ip -o link | grep -q '^{hop.InterfaceIndex}:'");
            using var loadBalancer = UdpSocket.Open(new IPEndPoint(IPAddress.Parse(UplinkLab.Peer), GenevePort), 1 << 20);
            using var counters = new CounterBlocks(1);
            using var path = ReturnPath.Open(loadBalancer, uplink.Hops, joins: true);
            // The longest header that there is leaves the least room in front.
            var header = Enumerable.Range(0, GwlbGeneveHeader.MaximumLength).Select(n => (byte)n).ToArray();
            var packet = IpBytes.Ipv4(17, IpBytes.Udp(1000, 2000, new byte[SegmentBytes]));

            for (var n = 0; n < 3; n++)
            {
                packet.CopyTo(new Span<byte>(path.Packets.Next, packet.Length));
                var start = path.Packets.Next;
                path.Packets.Take(packet.Length);
                path.Append(start, packet.Length, header, new OuterPath(UplinkLab.Address(UplinkLab.Peer), UplinkLab.Address(UplinkLab.Source), 40_001), counters[0]);
            }

            path.Flush();

            Assert.Equal(Enumerable.Repeat($"{UplinkLab.Source}:40001 {Convert.ToHexString([.. header, .. packet])}", 3), Receive(loadBalancer, 3));
            for (var reason = 0; reason < DropReasons.Count; reason++)
                Assert.Equal(0ul, counters[0]->Drops((DropReason)reason));
        });
    });

    private static List<string> Expected(in Segmenter segmenter, byte[] header)
    {
        var expected = new List<string>();
        var inner = new byte[segmenter.HeaderLength];
        for (var segment = 0; segment < segmenter.Count; segment++)
        {
            segmenter.WriteHeaders(segment, inner);
            expected.Add($"{UplinkLab.Source}:40001 {Convert.ToHexString([.. header, .. inner, .. segmenter.PayloadOf(segment)])}");
        }

        return expected;
    }

    private static List<string> Receive(UdpSocket socket, int count)
    {
        using var batch = new ReceiveBatch();
        var received = new List<string>();
        while (received.Count < count && Poll.WaitReadable(socket.Handle, (int)Wait.Patience.TotalMilliseconds))
        {
            var some = batch.Receive(socket).OrThrow("receive");
            for (var i = 0; i < some; i++)
            {
                batch.Get(i, out var datagram);
                received.Add($"{new IPAddress(datagram.SourceAddress)}:{datagram.SourcePort} {Convert.ToHexString(new ReadOnlySpan<byte>(datagram.Payload, datagram.Length))}");
            }
        }

        return received;
    }
}
