using Gwlbtun.Native.Linux;
using Gwlbtun.Shared;
using Xunit;
using static Gwlbtun.Native.Tests.Uplink.UplinkLab;

namespace Gwlbtun.Native.Tests.Uplink;

/// <summary>That a neighbour in use is made sure of, though the kernel does not see the use, and one out of use is left alone.</summary>
public sealed class NeighbourConfirmationSpecs
{
    private const string Unused = "10.9.0.3";

    [Fact]
    public void Should_have_a_stale_neighbour_confirmed_when_it_is_in_use_only() => RunWithQuickProbes(lab =>
    {
        lab.InPeer($"ip addr add {Unused}/24 dev peer0");
        _ = lab.SendUntilKnown();
        Know(Peer, PeerMac, "up0", "stale");
        Know(Unused, PeerMac, "up0", "stale");
        var before = lab.Hops.Resolutions;
        _ = lab.Find(Unused);
        lab.AwaitResolutions(before + 1);

        _ = lab.FindWhen(_ => StateOf(lab, Peer) == NeighbourMessage.Reachable);

        Assert.Equal(NeighbourMessage.Stale, StateOf(lab, Unused));
        AssertSleepsWithoutEnd(lab);
        Assert.NotNull(lab.Find(Unused));
    });

    [Fact]
    public void Should_have_it_confirmed_each_time_that_it_goes_stale() => RunWithQuickProbes(lab =>
    {
        _ = lab.SendUntilKnown();
        for (var i = 0; i < 2; i++)
        {
            Know(Peer, PeerMac, "up0", "stale");
            var hop = lab.FindWhen(_ => StateOf(lab, Peer) == NeighbourMessage.Reachable);
            Assert.Equal(Header(PeerMac, UplinkMac), HeaderOf(hop));
        }
    });

    [Fact]
    public void Should_withdraw_a_neighbour_in_use_that_no_longer_answers() => RunWithQuickProbes(lab =>
    {
        _ = lab.SendUntilKnown();
        lab.InPeer("ip link set peer0 arp off");
        Know(Peer, PeerMac, "up0", "stale");

        lab.AwaitUnknown();

        Assert.NotEqual(NeighbourMessage.Stale, StateOf(lab, Peer));
        lab.InPeer("ip link set peer0 arp on");
        _ = lab.SendUntilKnown();
    });

    [Fact]
    public void Should_sleep_without_end_when_nothing_changes_whatever_the_traffic() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();

        AssertSleepsWithoutEnd(lab);
        for (var i = 0; i < 100_000; i++)
            _ = lab.Find(Peer);
        AssertSleepsWithoutEnd(lab);
        Assert.Equal(1, lab.Hops.Resolutions);
    });

    private static void RunWithQuickProbes(Action<UplinkLab> body) => Run(lab =>
    {
        File.WriteAllText("/proc/sys/net/ipv4/neigh/up0/delay_first_probe_time", "1");
        File.WriteAllText("/proc/sys/net/ipv4/neigh/up0/retrans_time_ms", "50");
        body(lab);
    });

    private static ushort StateOf(UplinkLab lab, string address) => lab.Kernel.FindNeighbour(IndexOf("up0"), Address(address))?.State ?? 0;

    // /proc/PID/task/TID/syscall: the number and the arguments; epoll_wait's time-out is the fourth.
    private static void AssertSleepsWithoutEnd(UplinkLab lab)
    {
        var call = "";
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    call = File.ReadAllText($"/proc/self/task/{lab.Hops.ThreadId}/syscall");
                    return call.Split(' ') is { Length: > 4 } fields && fields[4].EndsWith("ffffffff", StringComparison.Ordinal);
                },
                Wait.Patience),
            $"The control thread is in {call}.");
    }
}
