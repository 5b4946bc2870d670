using System.Net;
using System.Net.Sockets;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>Fragments through real devices, threads and sockets, injected into gwo as a terminating appliance would send them.</summary>
public class FragmentForwardingSpecs
{
    private const ulong Eni = 0x0b8ee1d4db0c51c0;

    [Fact]
    public void Should_return_later_fragments_that_come_before_their_first_behind_its_header() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { Fragments = new() { Wait = Wait.Patience } });
        _ = lab.Establish(Eni);
        lab.Send(ForwardingLab.Datagram(Eni, 0xdecafbad));
        var request = Assert.Single(lab.ReceiveReturned(1));

        Inject(Reply(offset: 1480, more: true), Reply(offset: 2960, more: false), Reply(offset: 0, more: true));

        var returned = lab.ReceiveReturned(3);
        Assert.All(returned, datagram => Assert.Equal(request.AsSpan(0, 40), datagram.AsSpan(0, 40)));
        Assert.Equal([0, 185, 370], returned.Select(datagram => ((datagram[46] & 0x1F) << 8) | datagram[47]).Order());
        Assert.Equal(0ul, lab.Drops()[(int)DropReason.FragmentWithoutFirst]);
    });

    [Fact]
    public void Should_count_a_fragment_whose_first_never_comes() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        var port = lab.Establish(Eni);

        Inject(Reply(offset: 1480, more: false));

        Assert.True(SpinWait.SpinUntil(() => port.Gate.WaitingFragments.Count == 1, Wait.Patience));
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                _ = port.Gate.Sweep(Environment.TickCount64, 256);
                return port.Gate.WaitingFragments.Count == 0;
            },
            Wait.Patience));
        Assert.Equal(1ul, lab.Drops()[(int)DropReason.FragmentWithoutFirst]);
        Assert.Equal(0ul, lab.Drops()[(int)DropReason.NoFlow]);
    });

    private static byte[] Reply(int offset, bool more) => IpBytes.Ipv4(
        IpProtocol.Udp,
        offset == 0 ? IpBytes.Udp(2000, 1000, new byte[1472]) : new byte[1480],
        fragment: (ushort)((offset / 8) | (more ? 0x2000 : 0)), id: 77, source: "0a000002", destination: "0a000001");

    private static void Inject(params byte[][] packets)
    {
        NetworkNamespace.Shell("ip route replace 10.0.0.1 dev gwo-1mCyRrMGsrI");
        // The kernel fills in the header's checksum.
        using var raw = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Raw);
        raw.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.HeaderIncluded, true);
        foreach (var packet in packets)
            raw.SendTo(packet, new IPEndPoint(IPAddress.Parse("10.0.0.1"), 0));
    }
}
