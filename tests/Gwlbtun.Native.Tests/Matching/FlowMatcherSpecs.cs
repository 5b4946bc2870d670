using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Matching;

public sealed class FlowMatcherSpecs : IDisposable
{
    private readonly MatcherLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_answer_each_direction_with_its_own_header_and_node(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Request(), 1, sourcePort: 40_001, node: 0x0100000A);
        _lab.Learn(packets.Reply(), 2, sourcePort: 40_002, node: 0x0300000A);

        Assert.Equal((1u, new OuterPath(0x0100000A, 0x0200000A, 40_001)), _lab.Answer(packets.Request()));
        Assert.Equal((2u, new OuterPath(0x0300000A, 0x0200000A, 40_002)), _lab.Answer(packets.Reply()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_answer_with_the_other_directions_header_when_the_load_balancer_has_sent_one_direction(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Request(), 1);

        Assert.Equal(1u, _lab.Cookie(packets.Reply()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_answer_a_later_fragment_with_the_header_that_came_with_it(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        // Before its first, as it may well be.
        _lab.Learn(packets.Fragment(1480, more: true, id: 7), 2);
        _lab.Learn(packets.Fragment(2960, more: false, id: 7), 2);
        _lab.Learn(packets.Fragment(0, more: true, id: 7), 1);

        Assert.Equal(1u, _lab.Cookie(packets.Fragment(0, more: true, id: 7)));
        Assert.Equal(2u, _lab.Cookie(packets.Fragment(1480, more: true, id: 7)));
        Assert.Equal(2u, _lab.Cookie(packets.Fragment(2960, more: false, id: 7)));
        Assert.Equal(1u, _lab.Cookie(packets.Request()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_keep_the_fragments_of_packets_apart_by_direction_and_identification(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Fragment(1480, more: false, id: 7), 1);

        Assert.Equal(MatcherLab.None, _lab.Cookie(packets.Fragment(1480, more: false, id: 8)));
        Assert.Equal(MatcherLab.None, _lab.Cookie(packets.Fragment(1480, more: false, id: 7, reply: true)));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Should_tell_fragments_of_protocols_apart_over_IPv4_alone(bool ipv6, bool isSame)
    {
        // RFC 791 section 3.2 counts identifications by protocol, RFC 8200 section 4.5 does not.
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Fragment(1480, more: false, id: 7), 1);

        Assert.Equal(isSame ? 1u : MatcherLab.None, _lab.Cookie(packets.Fragment(1480, more: false, id: 7, protocol: IpProtocol.Icmp)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_let_the_later_fragments_of_an_answer_follow_the_first(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Request(), 1);

        Assert.Equal(MatcherLab.None, _lab.Cookie(packets.Fragment(1480, more: true, id: 9, reply: true)));
        Assert.Equal(1u, _lab.Cookie(packets.Fragment(0, more: true, id: 9, reply: true)));
        Assert.Equal(1u, _lab.Cookie(packets.Fragment(1480, more: true, id: 9, reply: true)));
        Assert.Equal(1u, _lab.Cookie(packets.Fragment(2960, more: false, id: 9, reply: true)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_prefer_what_the_load_balancer_taught_to_the_way_of_the_first_fragment(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Fragment(0, more: true, id: 7), 1);
        _lab.Learn(packets.Fragment(1480, more: false, id: 7), 2);
        _lab.Learn(packets.Fragment(0, more: true, id: 8, port: 1001), 3);

        // A first fragment of another cookie goes out with the same identification: it outdates nothing.
        Assert.Equal(1u, _lab.Cookie(packets.Fragment(0, more: true, id: 7)));
        Assert.Equal(3u, _lab.Cookie(packets.Fragment(0, more: true, id: 7, port: 1001)));
        Assert.Equal(2u, _lab.Cookie(packets.Fragment(1480, more: false, id: 7)));
    }

    [Fact]
    public void Should_forget_fragments_in_time()
    {
        var packets = new TestPackets(ipv6: false);
        _lab.Learn(packets.Fragment(1480, more: false, id: 7), 1);

        Sweep(nowMs: 29_000);
        Assert.Equal(1, _lab.Matcher.Fragments.Count(FlowFamily.V4, FlowProtocol.Udp));
        Sweep(nowMs: 31_000);
        Assert.Equal(0, _lab.Matcher.Fragments.Count(FlowFamily.V4, FlowProtocol.Udp));
    }

    [Fact]
    public void Should_remember_no_more_fragments_than_allowed()
    {
        var packets = new TestPackets(ipv6: false);
        for (uint id = 0; id < 40_000; id++)
            Assert.Equal(DropReason.None, _lab.Learn(packets.Fragment(1480, more: false, id), id + 1));

        Assert.InRange(_lab.Matcher.Fragments.Count(FlowFamily.V4, FlowProtocol.Udp), 10_000, 16_384);
        Assert.Equal(40_000u, _lab.Cookie(packets.Fragment(1480, more: false, id: 39_999)));
    }

    [Theory]
    [InlineData(8, 1u)]
    [InlineData(9, MatcherLab.None)]
    public void Should_learn_no_flow_of_a_chain_of_headers_that_is_too_long(int headers, uint expected)
    {
        byte next = IpProtocol.Udp;
        var payload = IpBytes.Udp(5, 6);
        for (var i = 0; i < headers; i++, next = IpProtocol.DestinationOptions)
            payload = IpBytes.Extension(next, 1, payload);
        var packet = IpBytes.Ipv6(next, payload);

        Assert.Equal(expected == MatcherLab.None ? DropReason.FlowHeaderChain : DropReason.None, _lab.Learn(packet, 1));
        Assert.Equal(expected, _lab.Cookie(packet));
    }

    [Fact]
    public void Should_learn_no_flow_of_a_chain_that_runs_off_the_packet()
    {
        var packet = IpBytes.Ipv6(IpProtocol.HopByHop, IpBytes.Extension(IpProtocol.Udp, 2, []).AsSpan(0, 8));

        Assert.Equal(DropReason.FlowHeaderChain, _lab.Learn(packet, 1));
        Assert.Equal(MatcherLab.None, _lab.Cookie(packet));
    }

    [Theory]
    [InlineData(IpProtocol.Tcp)]
    [InlineData(IpProtocol.Udp)]
    [InlineData(47)]
    public void Should_match_a_packet_that_is_nothing_but_an_IP_header(byte protocol)
    {
        var packet = IpBytes.Ipv4(protocol, []);

        Assert.Equal(DropReason.None, _lab.Learn(packet, 1));
        Assert.Equal(1u, _lab.Cookie(packet));
    }

    private void Sweep(long nowMs)
    {
        while (!_lab.Matcher.Sweep(nowMs, 1 << 20))
        {
        }
    }
}
