using System.Diagnostics;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Forwarding;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Shared;
using Xunit;
using static Gwlbtun.Native.Tests.Uplink.UplinkLab;

namespace Gwlbtun.Native.Tests.Uplink;

/// <summary>That next hops follow what the kernel tells of, at a bounded price.</summary>
public sealed class NextHopChangeSpecs
{
    private const string Beyond = "192.0.2.7";
    private const string OtherMac = "02:00:00:00:00:09";

    [Fact]
    public void Should_follow_a_link_that_goes_down_and_up() => Run(lab =>
    {
        _ = lab.SendUntilKnown();

        NetworkNamespace.Shell("ip link set up0 down");
        lab.AwaitUnknown();

        NetworkNamespace.Shell("ip link set up0 up");
        _ = lab.SendUntilKnown();

        // The carrier is gone; the link is up, and both neighbours are known for good.
        Know(Peer, PeerMac, "up0");
        Know("10.9.0.3", OtherMac, "up0");
        _ = lab.FindKnown();
        lab.InPeer("ip link set peer0 down");
        lab.AwaitUnknown();
        Assert.True(SpinWait.SpinUntil(() => (lab.Kernel.FindLink(IndexOf("up0"))!.Flags & LinkMessage.Running) == 0, Wait.Patience));
        Assert.Null(lab.FindAfterResolution("10.9.0.3"));

        NetworkNamespace.Shell("ip link del up0");
        Assert.Null(lab.Find(Peer));
    });

    [Fact]
    public void Should_follow_a_neighbour_that_changes_its_address() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        Assert.Equal(Header(PeerMac, UplinkMac), HeaderOf(lab.FindKnown()));

        Know(Peer, OtherMac, "up0");
        _ = lab.FindWhen(hop => HeaderOf(hop) == Header(OtherMac, UplinkMac));
    });

    [Fact]
    public void Should_follow_a_link_that_changes_its_address_and_MTU() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();

        NetworkNamespace.Shell("ip link set up0 mtu 1300");
        _ = lab.FindWhen(hop => hop.Mtu == 1300);

        // The kernel forgets the neighbours with it.
        NetworkNamespace.Shell($"ip link set up0 address {OtherMac}");
        _ = lab.FindWhen(hop => HeaderOf(hop) == Header(PeerMac, OtherMac), otherwise: () => Know(Peer, PeerMac, "up0"));
    });

    [Fact]
    public void Should_forget_a_neighbour_that_is_deleted() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();

        NetworkNamespace.Shell($"ip neigh del {Peer} dev up0");
        lab.AwaitUnknown();

        _ = lab.SendUntilKnown();
    });

    [Fact]
    public void Should_follow_our_own_address_that_goes_and_comes() => Run(lab =>
    {
        NetworkNamespace.Shell("ip addr add 10.6.0.1/32 dev lo");
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();
        _ = lab.FindKnown(source: "10.6.0.1");

        NetworkNamespace.Shell("ip addr del 10.6.0.1/32 dev lo");
        lab.AwaitUnknown(source: "10.6.0.1");
        Assert.NotNull(lab.Find(Peer));

        NetworkNamespace.Shell("ip addr add 10.6.0.1/32 dev lo");
        _ = lab.FindKnown(source: "10.6.0.1");
    });

    [Theory]
    [InlineData("up0")]
    [InlineData("lo")]
    public void Should_follow_a_route_that_goes_with_the_address_it_prefers(string device) => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        Know("10.9.0.3", OtherMac, "up0");
        NetworkNamespace.Shell($"ip addr add 10.6.0.1/32 dev {device} && ip route add default via {Peer} && ip route add {Beyond} via 10.9.0.3 src 10.6.0.1");
        Assert.Equal(Header(OtherMac, UplinkMac), HeaderOf(lab.FindKnown(Beyond)));

        NetworkNamespace.Shell($"ip addr del 10.6.0.1/32 dev {device}");
        _ = lab.FindWhen(hop => HeaderOf(hop) == Header(PeerMac, UplinkMac), Beyond);
    });

    [Fact]
    public void Should_follow_a_nexthop_object_that_is_replaced() => Run(lab =>
    {
        // Then the kernel tells of the object alone.
        File.WriteAllText("/proc/sys/net/ipv4/nexthop_compat_mode", "0");
        Know(Peer, PeerMac, "up0");
        Know("10.9.0.3", OtherMac, "up0");
        NetworkNamespace.Shell($"ip nexthop add id 1 via {Peer} dev up0 && ip route add {Beyond} nhid 1");
        Assert.Equal(Header(PeerMac, UplinkMac), HeaderOf(lab.FindKnown(Beyond)));

        NetworkNamespace.Shell("ip nexthop replace id 1 via 10.9.0.3 dev up0");
        _ = lab.FindWhen(hop => HeaderOf(hop) == Header(OtherMac, UplinkMac), Beyond);
    });

    [Fact]
    public void Should_follow_what_becomes_of_a_super_packet_without_room() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        Assert.Equal(SuperPacketFate.RefusedWhole, lab.FindKnown().SuperPackets);
        AssertThen("ethtool -K up0 tx-udp-segmentation off", SuperPacketFate.LeavesInPart);
        AssertThen("tc qdisc add dev up0 root pfifo", SuperPacketFate.RefusedWhole);
        AssertThen("tc qdisc replace dev up0 root bfifo limit 30kb", SuperPacketFate.MayNeverFit);
        AssertThen("tc qdisc replace dev up0 root tbf rate 1gbit burst 20kb latency 10ms", SuperPacketFate.TakenApart);
        AssertThen("tc qdisc del dev up0 root", SuperPacketFate.LeavesInPart);
        AssertThen("ethtool -K up0 tx-udp-segmentation on", SuperPacketFate.RefusedWhole);
        AssertThen("ethtool -K up0 tx-checksum-ip-generic off", SuperPacketFate.LeavesInPart);
        AssertThen("ethtool -K up0 tx-checksum-ip-generic on", SuperPacketFate.RefusedWhole);

        void AssertThen(string change, SuperPacketFate expected)
        {
            NetworkNamespace.Shell(change);
            _ = lab.FindWhen(hop => hop.SuperPackets == expected);
        }
    });

    [Theory]
    [InlineData("gso_max_size 65536 gso_max_segs 64", true)]
    [InlineData("gso_max_size 65535", false)]
    [InlineData("gso_max_segs 63", false)]
    public void Should_see_what_the_kernel_would_take_apart_for_the_device(string limit, bool isTakenWhole) => Run(lab =>
    {
        NetworkNamespace.Shell($"ip link set up0 {limit}");

        // The kernel tells nobody of this change.
        Assert.Equal(isTakenWhole ? SuperPacketFate.RefusedWhole : SuperPacketFate.LeavesInPart, SuperPacketFates.Of(lab.Kernel.FindLink(UplinkLab.IndexOf("up0"))!));
    });

    [Fact]
    public void Should_not_ask_the_kernel_anew_for_devices_and_rules_of_the_tunnels() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();
        var before = lab.Hops.Resolutions;

        NetworkNamespace.Shell("""
            for i in $(seq 100); do
              echo "tuntap add gwi-$i mode tun"; echo "link set gwi-$i mtu 8500 up"; echo "rule add iif gwi-$i lookup 1000"
              echo "route add 203.0.113.$i/32 dev gwi-$i"; echo "neigh replace 10.9.0.$((i + 100)) lladdr 02:00:00:00:01:01 dev up0"
              echo "link del gwi-$i"
            done | ip -batch -
            """);
        NetworkNamespace.Shell("ip link set up0 mtu 1300");

        // Notifications come in order: once this one has had its effect, the others have been read.
        _ = lab.FindWhen(hop => hop.Mtu == 1300);
        Assert.Equal(before + 1, lab.Hops.Resolutions);
    });

    [Fact]
    public void Should_ask_the_kernel_a_few_times_for_a_thousand_notifications() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();
        var before = lab.Hops.Resolutions;
        var clock = Stopwatch.StartNew();

        NetworkNamespace.Shell("ip link add other0 type veth peer name other1; for i in $(seq 500); do echo link set other0 mtu 1400; echo link set other0 mtu 1500; done | ip -batch -");
        NetworkNamespace.Shell("ip link set up0 mtu 1300");

        _ = lab.FindWhen(hop => hop.Mtu == 1300);
        // Once for the first, once for each pause since, once for the last.
        Assert.InRange(lab.Hops.Resolutions - before, 1, 2 + clock.ElapsedMilliseconds / NextHops.PauseMs);
    });

    [Fact]
    public void Should_look_again_after_a_while_when_a_destination_without_a_hop_is_asked_for() => Run(lab =>
    {
        Assert.Null(lab.FindAfterResolution(Beyond));

        Assert.True(SpinWait.SpinUntil(() => lab.Find(Beyond) is null && lab.Hops.Resolutions >= 2, Wait.Patience));
    });

    [Fact]
    public void Should_leave_a_stale_neighbour_to_the_raw_socket_when_the_kernel_may_not_be_told_of_its_use()
    {
        var destination = new Destination(Address(Peer), Address(Source));
        destination.Publish(Resolution.None with { NeighbourState = NeighbourMessage.Stale, Hop = new(interfaceIndex: 5, mtu: 1500, source: 1, destination: 2, SuperPacketFate.RefusedWhole) }, nowMs: 0);
        Assert.True(destination.Notice());
        Assert.True(destination.TakeUse());

        destination.NoteConfirmation(isRefused: true, nowMs: 10);

        Assert.Null(destination.Hop);
        Assert.Equal(10 + NextHops.RetryMs, destination.WatchAtMs);
    }

    [Fact]
    public void Should_withdraw_everything_when_notifications_were_lost() => NetworkNamespace.Run(() =>
    {
        using var news = KernelNews.TryOpen(out _)!;
        _ = SocketOption.Set(news.Handle, SocketOption.SolSocket, SocketOption.SoRcvbuf, 1);
        var destination = new Destination(Address(Peer), Address(Source));
        destination.Publish(Resolution.None with { Hop = new(interfaceIndex: 5, mtu: 1500, source: 1, destination: 2, SuperPacketFate.RefusedWhole) }, nowMs: 0);

        NetworkNamespace.Shell("for i in $(seq 100); do echo link set lo mtu 60000; echo link set lo mtu 65536; done | ip -batch -");
        news.Read([destination], nowMs: 0);

        Assert.Null(destination.Hop);
        Assert.True(destination.IsOutdated);
    });
}
