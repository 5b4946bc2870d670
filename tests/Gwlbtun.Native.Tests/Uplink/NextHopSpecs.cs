using Gwlbtun.Native.Tests.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Uplink;

/// <summary>Which next hop the kernel's routes and neighbours name.</summary>
public sealed class NextHopSpecs
{
    [Fact]
    public void Should_find_a_peer_on_the_link_once_the_kernel_knows_it() => UplinkLab.Run(lab =>
    {
        Assert.Null(lab.FindAfterResolution(UplinkLab.Peer));

        var hop = lab.SendUntilKnown();
        Assert.Equal(UplinkLab.Header(UplinkLab.PeerMac, UplinkLab.UplinkMac), UplinkLab.HeaderOf(hop));
        Assert.Equal(UplinkLab.IndexOf("up0"), hop.InterfaceIndex);
        Assert.Equal(1500, hop.Mtu);
    });

    [Fact]
    public void Should_find_the_gateway_of_a_destination_beyond_it() => UplinkLab.Run(lab =>
    {
        NetworkNamespace.Shell("ip route add default via 10.9.0.2");

        var hop = lab.SendUntilKnown("192.0.2.7");
        Assert.Equal(UplinkLab.Header(UplinkLab.PeerMac, UplinkLab.UplinkMac), UplinkLab.HeaderOf(hop));
    });
}
