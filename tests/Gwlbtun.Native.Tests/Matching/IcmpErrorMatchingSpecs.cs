using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Matching;

public sealed class IcmpErrorMatchingSpecs : IDisposable
{
    private readonly MatcherLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_answer_an_error_with_the_header_of_the_flow_that_it_quotes(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Request(), 1);

        Assert.Equal(1u, _lab.Cookie(packets.Error(packets.Request(), packets.Router, packets.Client)));
        Assert.Equal(1u, _lab.Cookie(packets.Error(packets.Reply(), packets.Router, packets.Server)));
        Assert.Equal(MatcherLab.None, _lab.Cookie(packets.Error(packets.Request(port: 1001), packets.Router, packets.Client)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_send_an_error_the_way_that_answers_the_quoted_packet(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Request(), 1);
        _lab.Learn(packets.Reply(), 2);

        Assert.Equal(2u, _lab.Cookie(packets.Error(packets.Request(), packets.Router, packets.Client)));
        Assert.Equal(1u, _lab.Cookie(packets.Error(packets.Reply(), packets.Router, packets.Server)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_pass_an_error_of_the_load_balancers_on_with_its_own_header(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        var error = packets.Error(packets.Request(), packets.Router, packets.Client);
        _lab.Learn(packets.Request(), 1);
        _lab.Learn(error, 3);

        Assert.Equal(3u, _lab.Cookie(error));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_prefer_the_quoted_flow_to_a_ping_the_other_way(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Echo(packets.Client, packets.Router), 4);
        _lab.Learn(packets.Request(), 1);

        Assert.Equal(4u, _lab.Cookie(packets.Echo(packets.Router, packets.Client, reply: true)));
        Assert.Equal(1u, _lab.Cookie(packets.Error(packets.Request(), packets.Router, packets.Client)));
        Assert.Equal(4u, _lab.Cookie(packets.Error(packets.Request(port: 1001), packets.Router, packets.Client)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_match_a_quote_that_is_cut_short_as_far_as_the_ports_are_there(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Request(), 1);

        Assert.Equal(1u, _lab.Cookie(packets.Error(packets.Request(), packets.Router, packets.Client, packets.ShortestQuote)));
        Assert.Equal(1u, _lab.Cookie(packets.Error(packets.Request(), packets.Router, packets.Client, packets.ShortestQuote - 4)));
        for (var length = 0; length < packets.ShortestQuote - 4; length++)
            Assert.Equal(MatcherLab.None, _lab.Cookie(packets.Error(packets.Request(), packets.Router, packets.Client, length)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_match_the_quote_of_a_ping(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        var ping = packets.Echo(packets.Client, packets.Server);
        _lab.Learn(ping, 1);

        Assert.Equal(1u, _lab.Cookie(packets.Error(ping, packets.Router, packets.Client)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_match_the_quote_of_any_fragment(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Fragment(0, more: true, id: 7), 1);
        _lab.Learn(packets.Fragment(1480, more: false, id: 7), 2);

        Assert.Equal(1u, _lab.Cookie(packets.Error(packets.Fragment(0, more: true, id: 7), packets.Router, packets.Client)));
        Assert.Equal(2u, _lab.Cookie(packets.Error(packets.Fragment(1480, more: false, id: 7), packets.Router, packets.Client)));
    }

    [Fact]
    public void Should_match_a_quote_behind_IPv4_options_and_IPv6_extension_headers()
    {
        var packet4 = IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(5, 6), headerLength: 60);
        var packet6 = IpBytes.Ipv6(IpProtocol.HopByHop, IpBytes.Extension(IpProtocol.Udp, 2, IpBytes.Udp(5, 6)));
        _lab.Learn(packet4, 1);
        _lab.Learn(packet6, 2);

        var packets4 = new TestPackets(ipv6: false);
        var packets6 = new TestPackets(ipv6: true);
        Assert.Equal(1u, _lab.Cookie(packets4.Error(packet4, packets4.Router, packets4.Client)));
        Assert.Equal(2u, _lab.Cookie(packets6.Error(packet6, packets6.Router, packets6.Client)));
    }

    [Theory]
    [InlineData(false, new byte[] { 3, 4, 5, 11, 12 })]
    [InlineData(true, new byte[] { 1, 2, 3, 4 })]
    public void Should_take_for_errors_what_quotes_a_packet_and_nothing_else(bool ipv6, byte[] errors)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Request(), 1);

        var matched = Enumerable.Range(0, 256).Select(type => (byte)type)
            .Where(type => _lab.Cookie(packets.Error(packets.Request(), packets.Router, packets.Client, type: type)) == 1);

        Assert.Equal(errors, matched);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_not_take_the_quote_of_the_other_IP_version_for_a_flow_that_it_is_not(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        var others = new TestPackets(!ipv6);
        _lab.Learn(packets.Request(), 1);
        _lab.Learn(others.Request(), 2);

        // A Geneve header says which IP version follows it.
        Assert.Equal(MatcherLab.None, _lab.Cookie(packets.Error(others.Request(), packets.Router, packets.Client)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_not_take_the_padding_of_a_quote_for_ports(bool ipv6)
    {
        // RFC 4884 section 4: padded with zeros to 128 bytes when extensions follow.
        var packets = new TestPackets(ipv6);
        var shortest = packets.Packet(IpProtocol.Udp, [1, 2], packets.Client, packets.Server);
        _lab.Learn(shortest, 1);

        Assert.Equal(1u, _lab.Cookie(packets.Error([.. shortest, .. new byte[128 - shortest.Length]], packets.Router, packets.Client)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Should_not_believe_a_quoted_length_that_is_none(byte length)
    {
        var packets = new TestPackets(ipv6: false);
        var quoted = packets.Request();
        _lab.Learn(quoted, 1);
        (quoted[2], quoted[3]) = (0, length);

        Assert.Equal(1u, _lab.Cookie(packets.Error(quoted, packets.Router, packets.Client)));
    }
}
