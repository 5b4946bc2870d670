using Gwlbtun.Native.Tests.Forwarding;
using Xunit;
using Xunit.Sdk;
using static Gwlbtun.Native.Tests.Uplink.UplinkLab;

namespace Gwlbtun.Native.Tests.Uplink;

/// <summary>Which next hop the kernel's routes and neighbours name.</summary>
public sealed class NextHopSpecs
{
    private const string Beyond = "192.0.2.7";
    private const string OtherMac = "02:00:00:00:00:09";

    // What a device on top of up0 is made by: name, then commands.
    private static readonly Dictionary<string, string> _stacked = new()
    {
        ["bridge"] = "ip link add top0 address 02:00:00:00:00:05 type bridge && ip link set up0 master top0",
        ["bond"] = "ip link add top0 address 02:00:00:00:00:05 type bond mode active-backup && ip link set up0 down && ip link set up0 master top0",
        ["macvlan"] = "ip link add top0 address 02:00:00:00:00:05 link up0 type macvlan mode bridge",
        ["vlan"] = "ip link add top0 address 02:00:00:00:00:05 link up0 type vlan id 5",
    };

    /// <summary>Those that the kernel can make.</summary>
    public static TheoryData<string> Stacked => [.. _stacked.Keys.Where(IsKnownToTheKernel)];

    [Fact]
    public void Should_find_a_peer_on_the_link_once_the_kernel_knows_it() => Run(lab =>
    {
        Assert.Null(lab.FindAfterResolution(Peer));

        var hop = lab.SendUntilKnown();
        Assert.Equal(Header(PeerMac, UplinkMac), HeaderOf(hop));
        Assert.Equal(IndexOf("up0"), hop.InterfaceIndex);
        Assert.Equal(1500, hop.Mtu);
    });

    [Fact]
    public void Should_find_the_gateway_of_a_destination_beyond_it() => Run(lab =>
    {
        NetworkNamespace.Shell("ip route add default via 10.9.0.2");

        var hop = lab.SendUntilKnown(Beyond);
        Assert.Equal(Header(PeerMac, UplinkMac), HeaderOf(hop));
    });

    [Fact]
    public void Should_follow_the_most_specific_route_of_several_uplinks() => Run(lab =>
    {
        AddSecondUplink(lab);
        NetworkNamespace.Shell("ip route add default via 10.9.0.2");
        Assert.Equal(IndexOf("up0"), lab.SendUntilKnown(Beyond).InterfaceIndex);

        NetworkNamespace.Shell("ip route add 192.0.2.0/24 via 10.8.0.2");
        var specific = lab.FindWhen(hop => hop.InterfaceIndex == IndexOf("up1"), Beyond, otherwise: () => SendThroughKernel(Beyond));
        Assert.Equal(Header("02:00:00:00:00:04", "02:00:00:00:00:03"), HeaderOf(specific));

        NetworkNamespace.Shell("ip route del 192.0.2.0/24");
        _ = lab.FindWhen(hop => hop.InterfaceIndex == IndexOf("up0"), Beyond);
    });

    [Fact]
    public void Should_follow_a_rule_by_source_address() => Run(lab =>
    {
        AddSecondUplink(lab);
        Know("10.8.0.2", OtherMac, "up1");
        NetworkNamespace.Shell("ip route add default via 10.9.0.2 && ip route add default via 10.8.0.2 table 7");
        Assert.Equal(IndexOf("up0"), lab.SendUntilKnown(Beyond, "10.8.0.1").InterfaceIndex);

        NetworkNamespace.Shell("ip rule add from 10.8.0.1 table 7");
        Assert.Equal(Header(OtherMac, "02:00:00:00:00:03"), HeaderOf(lab.FindWhen(hop => hop.InterfaceIndex == IndexOf("up1"), Beyond, "10.8.0.1")));
        Assert.Equal(IndexOf("up0"), lab.FindKnown(Beyond).InterfaceIndex);

        NetworkNamespace.Shell("ip rule del from 10.8.0.1 table 7");
        _ = lab.FindWhen(hop => hop.InterfaceIndex == IndexOf("up0"), Beyond, "10.8.0.1");
    });

    [Theory]
    [MemberData(nameof(Stacked))]
    public void Should_find_a_hop_on_any_device_that_is_Ethernet(string kind) => Run(lab =>
    {
        NetworkNamespace.Shell($"{_stacked[kind]} && ip link set up0 up && ip link set top0 up && ip addr add 10.7.0.1/24 dev top0");
        if (kind == "vlan")
            lab.InPeer("ip link add link peer0 name peer0.5 type vlan id 5");
        var peer = kind == "vlan" ? "peer0.5" : "peer0";
        lab.InPeer($"ip link set {peer} up");
        lab.InPeer($"ip addr add 10.7.0.2/24 dev {peer}");

        var hop = lab.SendUntilKnown("10.7.0.2", "10.7.0.1");
        Assert.Equal(IndexOf("top0"), hop.InterfaceIndex);
        Assert.Equal(Header(PeerMac, "02:00:00:00:00:05"), HeaderOf(hop));
    });

    [Fact]
    public void Should_take_the_routes_MTU_when_it_is_less_than_the_links() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        NetworkNamespace.Shell($"ip route add {Beyond} via 10.9.0.2 mtu 1400");
        Assert.Equal(1400, lab.FindKnown(Beyond).Mtu);

        NetworkNamespace.Shell($"ip route replace {Beyond} via 10.9.0.2 mtu 9000");
        _ = lab.FindWhen(hop => hop.Mtu == 1500, Beyond);
    });

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1", "true")]
    [InlineData(Source, Source, "true")]
    [InlineData("10.9.0.255", Source, "true")]
    [InlineData("224.0.0.9", Source, "ip route add 224.0.0.0/4 dev up0")]
    [InlineData(Beyond, Source, "true")]
    [InlineData(Beyond, Source, "ip route add blackhole 192.0.2.0/24")]
    [InlineData(Beyond, Source, "ip route add unreachable 192.0.2.0/24")]
    [InlineData(Beyond, Source, "ip tuntap add tun9 mode tun && ip link set tun9 up && ip route add 192.0.2.0/24 dev tun9")]
    [InlineData(Beyond, Source, "ip route add 192.0.2.0/24 encap ip id 4 dst 10.9.0.5 via 10.9.0.2 dev up0")]
    [InlineData(Beyond, Source, "ip neigh replace fe80::5 lladdr 02:00:00:00:00:02 dev up0 && ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:02 dev up0 && ip route add 192.0.2.0/24 via inet6 fe80::5 dev up0")]
    [InlineData(Peer, "10.99.0.1", "true")]
    [InlineData("10.9.0.77", Source, "ip neigh add 10.9.0.77 lladdr 02:00:00:00:00:02 dev up0 nud noarp")]
    [InlineData("10.9.0.77", Source, "ip neigh add 10.9.0.77 dev up0 nud failed")]
    public void Should_leave_to_the_kernel_what_is_no_plain_Ethernet(string destination, string source, string setUp) => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();
        NetworkNamespace.Shell(setUp);

        Assert.Null(lab.FindAfterResolution(destination, source));
        _ = lab.FindKnown();
    });

    private static void AddSecondUplink(UplinkLab lab) =>
        lab.AddLink("up1", "02:00:00:00:00:03", "10.8.0.1", "peer1", "02:00:00:00:00:04", "10.8.0.2");

    private static bool IsKnownToTheKernel(string kind)
    {
        try
        {
            NetworkNamespace.Run(() => NetworkNamespace.Shell($"ip link add up0 type veth peer name peer0 && {_stacked[kind]}"));
            return true;
        }
        catch (XunitException)
        {
            return false;
        }
    }
}
