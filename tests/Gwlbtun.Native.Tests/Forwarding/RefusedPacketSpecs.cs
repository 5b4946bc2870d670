using System.Net;
using System.Net.Sockets;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>What the load balancer never sends is dropped under its own reason, and what comes after it goes through.</summary>
public class RefusedPacketSpecs
{
    private const ulong Eni = 0x0b8ee1d4db0c51c0;

    [Fact]
    public void Should_drop_a_datagram_whose_outer_packet_came_in_fragments() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        NetworkNamespace.Shell("ip link set lo mtu 1500");
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { DontFragment = false };
        sender.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.1"), 40_002));

        sender.SendTo(ForwardingLab.Datagram(Eni, 1, size: 4000), new IPEndPoint(IPAddress.Parse("127.0.0.2"), ForwardingLab.GenevePort));

        AssertDropped(lab, DropReason.OuterFragment);
    });

    [Fact]
    public void Should_drop_a_packet_of_another_version_than_its_Geneve_header_says() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);

        lab.Send(GeneveBytes.Standard(Eni, flowCookie: 1).Build(IpBytes.Ipv6(IpProtocol.Udp, IpBytes.Udp(1000, 2000))));

        AssertDropped(lab, DropReason.InnerVersion);
    });

    private static void AssertDropped(ForwardingLab lab, DropReason reason)
    {
        Assert.True(SpinWait.SpinUntil(() => lab.Drops()[(int)reason] == 1, Wait.Patience), reason.ToString());
        var next = ForwardingLab.Datagram(Eni, 2);
        lab.Send(next);
        Assert.Equal(next.AsSpan(0, 40), Assert.Single(lab.ReceiveReturned(1)).AsSpan(0, 40));
    }
}
