using Gwlbtun.Native.Tests.Forwarding;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Shared;
using Xunit;
using static Gwlbtun.Native.Tests.Uplink.UplinkLab;

namespace Gwlbtun.Native.Tests.Uplink;

/// <summary>What looking a next hop up costs a data thread, and what becomes of it when there are too many, or the control thread dies.</summary>
public sealed class NextHopBoundsSpecs
{
    [Fact]
    public void Should_allocate_nothing_when_looking_up() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();
        var (known, unknown, source) = (Address(Peer), Address("10.9.0.77"), Address(Source));
        Assert.Null(lab.FindAfterResolution("10.9.0.77"));

        var found = 0;
        Assert.Equal(0, Allocations.InLeastRound(() =>
        {
            found = 0;
            for (uint i = 0; i < 10_000; i++)
            {
                found += lab.Hops.TryFind(known, source, out NextHop? _) ? 1 : 0;
                found += lab.Hops.TryFind(unknown, source, out NextHop? _) ? 1 : 0;
                // And 100 that were never asked for.
                found += lab.Hops.TryFind(unknown + (i % 100 << 24), source, out NextHop? _) ? 1 : 0;
            }
        }));
        Assert.Equal(10_000, found);
    });

    [Fact]
    public void Should_keep_a_bounded_number_and_make_room_by_those_out_of_use() => Run(lab =>
    {
        const int Asked = NextHops.MaximumDestinations + 100;
        Know(Peer, PeerMac, "up0");
        NetworkNamespace.Shell($"ip route add 198.18.0.0/16 via {Peer}");

        var known = 0;
        Assert.True(SpinWait.SpinUntil(() => (known = CountKnown(lab, 0, Asked)) >= NextHops.MaximumDestinations, Wait.Patience), $"{known} are known.");
        Assert.Equal(NextHops.MaximumDestinations, known);

        // The rest of them are left out of use.
        Assert.True(SpinWait.SpinUntil(() => (known = CountKnown(lab, Asked - 200, 200)) == 200, Wait.Patience), $"{known} are known.");
    });

    [Fact]
    public void Should_know_nothing_and_say_so_when_the_control_thread_dies() => Run(lab =>
    {
        Know(Peer, PeerMac, "up0");
        _ = lab.FindKnown();
        var cause = new InvalidOperationException("a defect");

        lab.Hops.Fail(cause);

        Assert.True(lab.Failures.TryTake(out var reported, Wait.Patience));
        Assert.Same(cause, reported);
        Assert.Null(lab.Find(Peer));
    });

    private static int CountKnown(UplinkLab lab, int first, int count) =>
        Enumerable.Range(first, count).Count(i => lab.Find($"198.18.{i >> 8}.{i & 255}") is not null);
}
