using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Wire;

public class KernelChatterSpecs
{
    private const string LinkLocal = "fe800000000000000000000000000001";
    private const string Unspecified = "00000000000000000000000000000000";

    [Theory]
    [InlineData("e0000016", true)] // IGMP's address
    [InlineData("efffffff", true)]
    [InlineData("ffffffff", true)]
    [InlineData("dfffffff", false)]
    [InlineData("f0000001", false)]
    [InlineData("0a0000ff", false)]
    public void Should_match_IPv4_multicast_and_broadcast(string destination, bool expected) =>
        Assert.Equal(expected, Matches(IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(1, 2), destination: destination)));

    [Fact]
    public void Should_match_IPv6_multicast() =>
        Assert.True(Matches(IpBytes.Ipv6(IpProtocol.Udp, IpBytes.Udp(1, 2), destination: "ff020000000000000000000000000016")));

    [Theory]
    [InlineData(130, true)]
    [InlineData(131, true)]
    [InlineData(132, true)]
    [InlineData(133, true)]
    [InlineData(143, true)]
    [InlineData(128, false)] // echo request
    [InlineData(3, false)] // time exceeded
    [InlineData(135, false)] // a solicitation from an address
    [InlineData(136, false)]
    public void Should_match_what_routers_and_listeners_are_told(byte type, bool expected) =>
        Assert.Equal(expected, Matches(IpBytes.Ipv6(IpProtocol.IcmpV6, [type, 0, 0, 0, 0, 0, 0, 0], source: LinkLocal)));

    [Theory]
    [InlineData(135)]
    [InlineData(136)]
    public void Should_match_neighbour_discovery_from_the_unspecified_address(byte type) =>
        Assert.True(Matches(IpBytes.Ipv6(IpProtocol.IcmpV6, [type, 0, 0, 0, 0, 0, 0, 0], source: Unspecified)));

    [Fact]
    public void Should_match_a_listener_report_behind_a_router_alert() =>
        Assert.True(Matches(IpBytes.Ipv6(IpProtocol.HopByHop, IpBytes.Extension(IpProtocol.IcmpV6, 1, [143, 0, 0, 0, 0, 0, 0, 0]), source: LinkLocal)));

    [Fact]
    public void Should_not_match_ordinary_packets_nor_an_empty_ICMPv6()
    {
        Assert.False(Matches(IpBytes.Ipv6(IpProtocol.Tcp, IpBytes.Udp(1, 2))));
        Assert.False(Matches(IpBytes.Ipv4(IpProtocol.Tcp, IpBytes.Udp(1, 2))));
        Assert.False(Matches(IpBytes.Ipv6(IpProtocol.IcmpV6, [])));
    }

    private static bool Matches(byte[] packet)
    {
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out InnerPacket inner));
        return KernelChatter.Matches(packet, inner);
    }
}
