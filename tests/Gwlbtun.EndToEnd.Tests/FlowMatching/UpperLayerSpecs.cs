using System.Buffers.Binary;
using System.Net;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>The ports are found wherever the IP header ends, and packets of odd lengths are dealt with.</summary>
public sealed class UpperLayerSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const byte Experimental = 253; // RFC 3692

    /// <summary>Chains of extension headers, by their protocol numbers.</summary>
    public static TheoryData<byte[]> Chains =>
    [
        [PacketShapes.HopByHop],
        [PacketShapes.Routing],
        [PacketShapes.DestinationOptions],
        [PacketShapes.Authentication],
        [PacketShapes.Fragment],
        [PacketShapes.HopByHop, PacketShapes.DestinationOptions, PacketShapes.Routing, PacketShapes.Fragment, PacketShapes.Authentication, PacketShapes.DestinationOptions],
        [.. Enumerable.Repeat(PacketShapes.DestinationOptions, 8)],
    ];

    [Theory]
    [InlineData(InnerPackets.Udp)]
    [InlineData(InnerPackets.Tcp)]
    public async Task Should_find_the_ports_behind_ipv4_options_of_every_length(byte protocol)
    {
        await StartWithAsync(Passthrough);
        for (var words = 1; words <= 10; words++)
            await TellApartAsync(new GwlbFlow(Eni, 10 * words, Protocol: protocol), packet => PacketShapes.WithOptions(packet, words));
    }

    [Theory]
    [MemberData(nameof(Chains))]
    public async Task Should_find_the_ports_behind_ipv6_extension_headers(byte[] chain)
    {
        await StartWithAsync(Passthrough);
        foreach (var protocol in new[] { InnerPackets.Udp, InnerPackets.Tcp })
            await TellApartAsync(new GwlbFlow(Eni, protocol, IsV6: true, protocol), packet => PacketShapes.WithExtensionHeaders(packet, chain));
    }

    [Fact]
    public async Task Should_deliver_but_not_learn_what_has_extension_headers_without_end()
    {
        var gwlbtun = await StartWithAsync(Sink);
        var flow = new GwlbFlow(Eni, 1, IsV6: true);
        await LearnAsync((flow, flow.Packet(0)));
        using var ingress = new DeviceSocket(Lab.Appliance, Gwi);

        var other = new GwlbFlow(Eni, 2, IsV6: true);
        var runsOff = PacketShapes.WithExtensionHeaders(other.Packet(1), PacketShapes.DestinationOptions);
        runsOff[41] = 200; // 1,608 bytes of options
        byte[] tooMany = PacketShapes.WithExtensionHeaders(other.Packet(2), [.. Enumerable.Repeat(PacketShapes.DestinationOptions, 9)]);
        byte[] cutShort = PacketShapes.WithExtensionHeaders(other.Packet(3), PacketShapes.Authentication)[..44];
        BinaryPrimitives.WriteUInt16BigEndian(cutShort.AsSpan(4), 4);
        byte[][] endless = [runsOff, tooMany, cutShort];
        foreach (var packet in endless)
        {
            Gwlb.Send(other, packet);
            Assert.Equal(packet, ingress.Receive(Wait.Patience));
        }

        var report = await WaitForDropsAsync(gwlbtun, "flowHeaderChain", endless.Length);
        Assert.Equal(0, report.GetProperty("enis")[0].GetProperty("pktsDropped").GetInt32());
        Assert.Equal(1, FlowCount(report));
    }

    [Fact]
    public async Task Should_carry_a_packet_that_is_an_ip_header_and_nothing_else()
    {
        await StartWithAsync(Passthrough);
        foreach (var protocol in new byte[] { Experimental, InnerPackets.Udp, InnerPackets.Tcp, InnerPackets.Icmp })
        {
            var flow = new GwlbFlow(Eni, protocol);
            await EchoAsync(flow, HeaderOnly(flow.Client, flow.Server, 20, protocol));
            await ReturnAsync(flow, HeaderOnly(flow.Server, flow.Client, 20, protocol));
        }
        foreach (var protocol in new[] { Experimental, InnerPackets.Udp, InnerPackets.Tcp, InnerPackets.IcmpV6, PacketShapes.NoNextHeader })
        {
            var flow = new GwlbFlow(Eni, protocol, IsV6: true);
            await EchoAsync(flow, HeaderOnly(flow.Client, flow.Server, 40, protocol));
            await ReturnAsync(flow, HeaderOnly(flow.Server, flow.Client, 40, protocol));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_trim_what_follows_the_ip_packet(bool v6)
    {
        await StartWithAsync(Passthrough);
        var flow = new GwlbFlow(Eni, 1, v6);
        foreach (var padding in new[] { 1, 4, 26, 2000 })
        {
            var packet = flow.Packet((uint)padding, 100);
            Gwlb.Send(flow, [.. packet, .. new byte[padding]]);
            await AssertReturnedAsync(flow, packet);
        }
    }

    [Fact]
    public async Task Should_drop_and_count_packets_whose_lengths_are_wrong()
    {
        var gwlbtun = await StartWithAsync(Passthrough);
        var flow4 = new GwlbFlow(Eni, 1);
        var flow6 = new GwlbFlow(Eni, 2, IsV6: true);
        await Gwlb.EchoAsync(flow4, 0);

        byte[][] wrong =
        [
            Changed(flow4, packet => packet[0] = 0x44), // IHL of 16 bytes
            Changed(flow4, packet => BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)(packet.Length + 1))),
            Changed(flow4, packet => BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), 19)),
            Changed(flow4, packet => (packet[0], packet[3]) = (0x4F, 59)), // a header of 60 bytes in a packet of 59
        ];
        foreach (var packet in wrong)
            Gwlb.Send(flow4, packet);
        Gwlb.Send(flow6, Changed(flow6, packet => BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(packet.Length - 39))));
        Gwlb.Send(flow4, flow4.Packet(1).AsSpan(0, 19));
        Gwlb.Send(flow6, flow6.Packet(1).AsSpan(0, 39));
        Gwlb.Send(flow4, []);
        await Gwlb.EchoAsync(flow4, 2);

        var report = await gwlbtun.WaitForReportAsync(report => (Drops(report, "innerLength"), Drops(report, "innerTruncated")) == (wrong.Length + 1, 3));
        Assert.Equal(wrong.Length + 4, report.GetProperty("enis")[0].GetProperty("pktsDropped").GetInt32());
        AssertNothingReturned();
    }

    /// <summary>
    /// Flows of the same two hosts, which only their ports tell apart: learned from packets of the shape, asked for by plain ones, and
    /// the other way round.
    /// </summary>
    private async Task TellApartAsync(GwlbFlow flow, Func<byte[], byte[]> shape)
    {
        GwlbFlow[] flows = [.. Enumerable.Range(1, 3).Select(n => flow.Renewed((uint)n) with { ClientPort = (ushort)(flow.ClientPort + n) })];
        foreach (var each in flows)
            await EchoAsync(each, shape(each.Packet(0)));
        foreach (var each in flows)
            await ReturnAsync(each, each.Reply(1));

        var plain = flow.Renewed(9) with { ClientPort = (ushort)(flow.ClientPort + 9) };
        await EchoAsync(plain, plain.Packet(0));
        foreach (var each in flows.Append(plain))
            await ReturnAsync(each, shape(each.Reply(2)));
    }

    private static byte[] HeaderOnly(IPAddress source, IPAddress destination, int length, byte protocol)
    {
        var packet = new byte[length];
        InnerPackets.WriteIpHeader(packet, length == 40, source, destination, protocol);
        return packet;
    }

    private static byte[] Changed(GwlbFlow flow, Action<byte[]> change)
    {
        var packet = flow.Packet(7, 100);
        change(packet);
        return packet;
    }
}
