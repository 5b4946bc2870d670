using Xunit;

namespace Gwlbtun.Native.Tests.Matching;

/// <summary>Linux with connection tracking puts fragments together on their way in and takes packets apart on their way out, perhaps elsewhere.</summary>
public sealed class RefragmentedPacketSpecs : IDisposable
{
    private readonly MatcherLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_match_fragments_of_other_sizes_than_those_that_came(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Fragment(0, more: true, id: 7), 1);
        _lab.Learn(packets.Fragment(8784, more: false, id: 7), 2);

        Assert.Equal(1u, _lab.Cookie(packets.Fragment(0, more: true, id: 7)));
        foreach (var offset in new[] { 1232, 2464, 8624 })
            Assert.Equal(2u, _lab.Cookie(packets.Fragment(offset, more: offset < 8624, id: 7)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_match_the_fragments_of_a_packet_that_came_whole(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Request(), 1);

        foreach (var offset in new[] { 0, 1232, 2464 })
            Assert.Equal(1u, _lab.Cookie(packets.Fragment(offset, more: offset < 2464, id: 7)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_match_a_packet_that_came_in_fragments_and_goes_on_whole(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        _lab.Learn(packets.Fragment(1232, more: false, id: 7), 2);
        _lab.Learn(packets.Fragment(0, more: true, id: 7), 1);

        Assert.Equal(1u, _lab.Cookie(packets.Request()));
    }
}
