using Xunit;

namespace Gwlbtun.Native.Tests.Matching;

/// <summary>Which record of a fragmented packet holds when there are many, or when an identification comes again.</summary>
public sealed class FragmentRecordSpecs : IDisposable
{
    private readonly MatcherLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_remember_the_last_packets_although_those_before_had_more_fragments(bool ipv6)
    {
        var packets = new TestPackets(ipv6);
        for (uint id = 0; id < 20_000; id++)
        {
            for (var part = 1; part <= 8; part++)
                _lab.Learn(packets.Fragment(1480 * part, more: part < 8, id), 1, nowMs: 0);
        }

        for (uint id = 0; id < 2_000; id++)
            _lab.Learn(packets.Fragment(1480, more: false, id, reply: true), 2, nowMs: 500);

        // The hash is seeded anew in every run: now and then more of them meet in one bucket than it has room for.
        var forgotten = Enumerable.Range(1_000, 1_000)
            .Count(id => _lab.Cookie(packets.Fragment(1480, more: false, (uint)id, reply: true), 500) == MatcherLab.None);
        Assert.InRange(forgotten, 0, 3);
    }

    [Theory]
    [InlineData(1_000, 2u)]
    [InlineData(1_300, 3u)]
    [InlineData(20_000, 3u)]
    public void Should_let_a_first_fragment_begin_a_new_packet_when_the_identification_was_unused_for_a_second(long later, uint expected)
    {
        var packets = new TestPackets(ipv6: false);
        _lab.Learn(packets.Fragment(1480, more: false, id: 7), 2, nowMs: 0);
        _lab.Learn(packets.Request(port: 1001), 3, nowMs: later);

        Assert.Equal(3u, _lab.Cookie(packets.Fragment(0, more: true, id: 7, port: 1001), later));
        Assert.Equal(expected, _lab.Cookie(packets.Fragment(1480, more: false, id: 7), later));
    }

    [Fact]
    public void Should_let_a_first_fragment_begin_a_new_packet_although_it_goes_the_way_of_an_earlier_one()
    {
        var packets = new TestPackets(ipv6: false);
        _lab.Learn(packets.Request(port: 1001), 3, nowMs: 0);
        Assert.Equal(3u, _lab.Cookie(packets.Fragment(0, more: true, id: 7, port: 1001), nowMs: 0));
        _lab.Learn(packets.Fragment(1480, more: false, id: 7), 2, nowMs: 0);

        Assert.Equal(3u, _lab.Cookie(packets.Fragment(0, more: true, id: 7, port: 1001), nowMs: 20_000));
        Assert.Equal(3u, _lab.Cookie(packets.Fragment(1480, more: false, id: 7), nowMs: 20_000));
    }

    [Fact]
    public void Should_not_begin_a_new_packet_while_fragments_of_the_old_one_pass()
    {
        var packets = new TestPackets(ipv6: false);
        _lab.Learn(packets.Request(port: 1001), 3, nowMs: 0);
        _lab.Learn(packets.Fragment(1480, more: true, id: 7), 2, nowMs: 0);
        Assert.Equal(2u, _lab.Cookie(packets.Fragment(1480, more: true, id: 7), nowMs: 900));
        Assert.Equal(3u, _lab.Cookie(packets.Fragment(0, more: true, id: 7, port: 1001), nowMs: 1_800));

        Assert.Equal(2u, _lab.Cookie(packets.Fragment(2960, more: false, id: 7), nowMs: 1_800));
    }
}
