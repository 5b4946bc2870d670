using CsCheck;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public class FlowKeySpecs
{
    private static readonly FlowHash _hash = FlowHash.Seeded();

    [Theory]
    [InlineData("0a000001", "0a000002", 1000, 2000)]
    [InlineData("0a000002", "0a000001", 1000, 2000)]
    [InlineData("ffffffff", "00000001", 1, 65535)]
    [InlineData("0a000001", "0a000001", 7, 9)]
    public void Should_give_both_directions_of_an_IPv4_flow_one_key_and_opposite_directions(string source, string destination, ushort sourcePort, ushort destinationPort)
    {
        FlowKey there = From(IpBytes.Ipv4(17, IpBytes.Udp(sourcePort, destinationPort), source: source, destination: destination));
        FlowKey back = From(IpBytes.Ipv4(17, IpBytes.Udp(destinationPort, sourcePort), source: destination, destination: source));

        AssertSameFlow(there, back);
        Assert.NotEqual(there.Direction, back.Direction);
    }

    [Theory]
    [InlineData("fd000000000000000000000000000001", "fd000000000000000000000000000002")]
    [InlineData("fd000000000000020000000000000001", "fd000000000000010000000000000002")]
    [InlineData("fd000000000000000000000000000001", "fd000000000000000000000000000001")]
    public void Should_give_both_directions_of_an_IPv6_flow_one_key_and_opposite_directions(string source, string destination)
    {
        FlowKey there = From(IpBytes.Ipv6(17, IpBytes.Udp(10, 20), source, destination));
        FlowKey back = From(IpBytes.Ipv6(17, IpBytes.Udp(20, 10), destination, source));

        AssertSameFlow(there, back);
        Assert.NotEqual(there.Direction, back.Direction);
    }

    [Fact]
    public void Should_call_a_flow_between_equal_endpoints_direction_0()
    {
        FlowKey four = From(IpBytes.Ipv4(17, IpBytes.Udp(5, 5), source: "0a000001", destination: "0a000001"));
        FlowKey six = From(IpBytes.Ipv6(17, IpBytes.Udp(5, 5), "fd000000000000000000000000000001", "fd000000000000000000000000000001"));

        Assert.Equal(0, four.Direction);
        Assert.Equal(0, six.Direction);
    }

    [Fact]
    public void Should_leave_ports_out_of_protocols_that_have_none()
    {
        FlowKey echo = From(IpBytes.Ipv4(IpProtocol.Icmp, [8, 0, 1, 2, 3, 4, 5, 6]));

        Assert.Equal(0u, echo.Ports);
        Assert.Equal(FlowProtocol.Other, echo.Kind);
    }

    [Fact]
    public void Should_tell_apart_flows_that_differ_in_one_part_of_the_tuple()
    {
        FlowKey[] keys =
        [
            From(IpBytes.Ipv4(17, IpBytes.Udp(10, 20))),
            From(IpBytes.Ipv4(6, IpBytes.Udp(10, 20))),
            From(IpBytes.Ipv4(17, IpBytes.Udp(11, 20))),
            From(IpBytes.Ipv4(17, IpBytes.Udp(10, 21))),
            From(IpBytes.Ipv4(17, IpBytes.Udp(10, 20), source: "0a000009")),
            From(IpBytes.Ipv4(17, IpBytes.Udp(10, 20), destination: "0a000009")),
            // The endpoints' ports exchanged, but not their addresses.
            From(IpBytes.Ipv4(17, IpBytes.Udp(20, 10))),
            From(IpBytes.Ipv6(17, IpBytes.Udp(10, 20))),
        ];

        Assert.Equal(keys.Length, keys.Select(key => _hash.Of(key)).Distinct().Count());
    }

    [Fact]
    public void Should_hash_both_directions_alike_whatever_the_tuple() =>
        Gen.Select(Gen.UInt, Gen.UInt, Gen.Byte, Gen.UShort, Gen.UShort).Sample((a, b, protocol, p, q) =>
        {
            FlowKey there = FlowKey.V4(a, b, protocol, p, q);
            FlowKey back = FlowKey.V4(b, a, protocol, q, p);
            AssertSameFlow(there, back);
            Assert.Equal(a == b && p == q ? 0 : 1, there.Direction ^ back.Direction);
        });

    [Fact]
    public void Should_hash_differently_in_every_table()
    {
        FlowKey key = SampleFlow.Tcp4(1);

        Assert.NotEqual(FlowHash.Seeded().Of(key), FlowHash.Seeded().Of(key));
    }

    private static void AssertSameFlow(in FlowKey left, in FlowKey right)
    {
        Assert.Equal(
            (left.Address0, left.Address1, left.Address2, left.Address3, left.Ports, left.Protocol, left.Family),
            (right.Address0, right.Address1, right.Address2, right.Address3, right.Ports, right.Protocol, right.Family));
        Assert.Equal(_hash.Of(left), _hash.Of(right));
    }

    private static FlowKey From(byte[] packet)
    {
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out InnerPacket inner));
        return FlowKey.From(packet, inner);
    }
}
