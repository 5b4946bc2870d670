using CsCheck;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Wire;

public class InnerPacketSpecs
{
    [Theory]
    [InlineData(IpProtocol.Tcp)]
    [InlineData(IpProtocol.Udp)]
    public void Should_find_ports_of_TCP_and_UDP_over_IPv4(byte protocol)
    {
        InnerPacket inner = Parsed(IpBytes.Ipv4(protocol, IpBytes.Udp(1024, 443, 1, 2, 3)));

        Assert.Equal((4, protocol, 31, 20), (inner.Version, inner.Protocol, inner.Length, inner.TransportOffset));
        Assert.True(inner.HasPorts);
        Assert.Equal((1024, 443), (inner.SourcePort, inner.DestinationPort));
        Assert.False(inner.IsFragment);
        Assert.Equal(EtherType.Ipv4, inner.ProtocolType);
    }

    [Theory]
    [InlineData(IpProtocol.Tcp)]
    [InlineData(IpProtocol.Udp)]
    public void Should_find_ports_of_TCP_and_UDP_over_IPv6(byte protocol)
    {
        InnerPacket inner = Parsed(IpBytes.Ipv6(protocol, IpBytes.Udp(65535, 1)));

        Assert.Equal((6, protocol, 48, 40), (inner.Version, inner.Protocol, inner.Length, inner.TransportOffset));
        Assert.True(inner.HasPorts);
        Assert.Equal((65535, 1), (inner.SourcePort, inner.DestinationPort));
        Assert.Equal(EtherType.Ipv6, inner.ProtocolType);
    }

    [Fact]
    public void Should_skip_IPv4_options()
    {
        InnerPacket inner = Parsed(IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(5, 6), headerLength: 60));

        Assert.Equal(60, inner.TransportOffset);
        Assert.Equal((5, 6), (inner.SourcePort, inner.DestinationPort));
    }

    [Fact]
    public void Should_state_the_length_without_padding()
    {
        Assert.Equal(28, Parsed([.. IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(5, 6)), 0, 0, 0]).Length);
        Assert.Equal(48, Parsed([.. IpBytes.Ipv6(IpProtocol.Udp, IpBytes.Udp(5, 6)), 0, 0, 0]).Length);
    }

    [Fact]
    public void Should_not_take_padding_for_ports()
    {
        byte[] packet = [.. IpBytes.Ipv4(IpProtocol.Udp, [1, 2, 3]), 4, 5, 6, 7, 8];
        Assert.False(Parsed(packet).HasPorts);
    }

    [Theory]
    [InlineData(IpProtocol.Icmp)]
    [InlineData(47)]
    public void Should_find_no_ports_in_other_protocols(byte protocol)
    {
        InnerPacket inner = Parsed(IpBytes.Ipv4(protocol, IpBytes.Udp(5, 6)));
        Assert.Equal((20, false, 0, 0), (inner.TransportOffset, inner.HasPorts, inner.SourcePort, inner.DestinationPort));
    }

    [Fact]
    public void Should_find_ports_in_the_first_fragment_of_IPv4_only()
    {
        InnerPacket first = Parsed(IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(5, 6), fragment: 0x2000, id: 777));
        InnerPacket middle = Parsed(IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(5, 6), fragment: 0x2001, id: 777));
        InnerPacket last = Parsed(IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(5, 6), fragment: 0x1FFF, id: 777));
        InnerPacket whole = Parsed(IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(5, 6), fragment: 0x4000));

        Assert.Equal((true, true, true, 777u, 20), (first.IsFragment, first.IsFirstFragment, first.HasPorts, first.FragmentId, first.TransportOffset));
        Assert.Equal((true, false, false, 777u, 0), (middle.IsFragment, middle.IsFirstFragment, middle.HasPorts, middle.FragmentId, middle.TransportOffset));
        Assert.Equal((true, false, false, 777u, 0), (last.IsFragment, last.IsFirstFragment, last.HasPorts, last.FragmentId, last.TransportOffset));
        Assert.Equal((false, false, true), (whole.IsFragment, whole.IsFirstFragment, whole.HasPorts));
    }

    [Fact]
    public void Should_find_ports_in_the_first_and_the_only_fragment_of_IPv6()
    {
        InnerPacket first = Parsed(IpBytes.Ipv6(IpProtocol.Fragment, IpBytes.Fragment6(IpProtocol.Udp, 0, more: true, 0xDEADBEEF, IpBytes.Udp(5, 6))));
        InnerPacket last = Parsed(IpBytes.Ipv6(IpProtocol.Fragment, IpBytes.Fragment6(IpProtocol.Udp, 8, more: false, 0xDEADBEEF, IpBytes.Udp(5, 6))));
        InnerPacket atomic = Parsed(IpBytes.Ipv6(IpProtocol.Fragment, IpBytes.Fragment6(IpProtocol.Udp, 0, more: false, 1, IpBytes.Udp(5, 6))));

        Assert.Equal((true, true, true, 0xDEADBEEF, 48), (first.IsFragment, first.IsFirstFragment, first.HasPorts, first.FragmentId, first.TransportOffset));
        Assert.Equal((true, false, false, 0xDEADBEEF, 0), (last.IsFragment, last.IsFirstFragment, last.HasPorts, last.FragmentId, last.TransportOffset));
        Assert.Equal((IpProtocol.Udp, false), (last.Protocol, last.HasBrokenHeaderChain));
        Assert.Equal((false, false, true), (atomic.IsFragment, atomic.IsFirstFragment, atomic.HasPorts));
    }

    [Fact]
    public void Should_take_a_first_fragment_for_one_although_another_fragment_header_follows()
    {
        InnerPacket inner = Parsed(IpBytes.Ipv6(IpProtocol.Fragment, IpBytes.Fragment6(IpProtocol.Fragment, 0, more: true, 7,
            IpBytes.Fragment6(IpProtocol.Udp, 0, more: false, 9, IpBytes.Udp(5, 6)))));

        Assert.Equal((true, true, 7u), (inner.IsFragment, inner.IsFirstFragment, inner.FragmentId));
    }

    [Fact]
    public void Should_walk_every_kind_of_extension_header()
    {
        byte[] authenticated = IpBytes.Extension(IpProtocol.Udp, 3, IpBytes.Udp(7, 8));
        authenticated[1] = 4; // an authentication header counts in 4 bytes: 8 + 4 × 4 = 24
        byte[] packet = IpBytes.Ipv6(
            IpProtocol.HopByHop,
            IpBytes.Extension(IpProtocol.DestinationOptions, 1,
                IpBytes.Extension(IpProtocol.Routing, 2,
                    IpBytes.Extension(IpProtocol.Fragment, 3,
                        IpBytes.Fragment6(IpProtocol.AuthenticationHeader, 0, more: false, 0, authenticated)))));

        InnerPacket inner = Parsed(packet);

        Assert.Equal((IpProtocol.Udp, packet.Length - 8), (inner.Protocol, inner.TransportOffset));
        Assert.Equal((7, 8), (inner.SourcePort, inner.DestinationPort));
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(9, false)]
    public void Should_walk_no_more_than_eight_extension_headers(int count, bool found)
    {
        byte[] payload = IpBytes.Udp(7, 8);
        byte next = IpProtocol.Udp;
        for (int i = 0; i < count; i++)
        {
            payload = IpBytes.Extension(next, 1, payload);
            next = IpProtocol.DestinationOptions;
        }

        InnerPacket inner = Parsed(IpBytes.Ipv6(next, payload));
        Assert.Equal((found, !found), (inner.HasPorts, inner.HasBrokenHeaderChain));
    }

    [Theory]
    [InlineData(IpProtocol.HopByHop, 7)]
    [InlineData(IpProtocol.Routing, 8)]
    [InlineData(IpProtocol.AuthenticationHeader, 10)]
    [InlineData(IpProtocol.Fragment, 4)]
    public void Should_accept_without_ports_when_extension_headers_are_cut_short(byte nextHeader, int length)
    {
        byte[] header = IpBytes.Extension(IpProtocol.Udp, 2, []);
        InnerPacket inner = Parsed(IpBytes.Ipv6(nextHeader, header.AsSpan(0, length)));
        Assert.Equal((0, false, true), (inner.TransportOffset, inner.HasPorts, inner.HasBrokenHeaderChain));
    }

    [Fact]
    public void Should_accept_without_ports_when_nothing_follows()
    {
        InnerPacket inner = Parsed(IpBytes.Ipv6(IpProtocol.NoNextHeader, []));
        Assert.Equal((IpProtocol.NoNextHeader, 0, 40, false), (inner.Protocol, inner.TransportOffset, inner.Length, inner.HasBrokenHeaderChain));
    }

    public static TheoryData<DropReason, byte[]> Refused() => new()
    {
        { DropReason.InnerTruncated, [] },
        { DropReason.InnerTruncated, IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(1, 2))[..19] },
        { DropReason.InnerTruncated, IpBytes.Ipv6(IpProtocol.Udp, IpBytes.Udp(1, 2))[..39] },
        { DropReason.InnerVersion, [0x55, .. IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(1, 2))[1..]] },
        { DropReason.InnerLength, [0x44, .. IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(1, 2))[1..]] }, // header shorter than 20 bytes
        { DropReason.InnerLength, [0x4F, .. IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(1, 2))[1..]] }, // header longer than the packet
        { DropReason.InnerLength, IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(1, 2))[..27] },
        { DropReason.InnerLength, IpBytes.Ipv6(IpProtocol.Udp, IpBytes.Udp(1, 2))[..47] },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Should_refuse_with_the_reason_when_a_packet_is_impossible(DropReason expected, byte[] packet) =>
        Assert.Equal(expected, InnerPacket.TryParse(packet, out _));

    [Fact]
    public void Should_cover_every_reason_about_inner_packets()
    {
        IEnumerable<DropReason> covered = Refused().Select(row => (DropReason)row[0]).Distinct();
        IEnumerable<DropReason> all = Enum.GetValues<DropReason>().Where(reason => reason.ToString().StartsWith("Inner", StringComparison.Ordinal));
        Assert.Equal(all.Order(), covered.Order());
    }

    [Fact]
    public void Should_refuse_an_IPv6_length_that_no_datagram_can_carry()
    {
        byte[] packet = IpBytes.Ipv6(IpProtocol.Udp, new byte[65_500]);
        Assert.Equal(DropReason.InnerLength, InnerPacket.TryParse(packet, out _));
    }

    [Fact]
    public void Should_stay_within_bounds_on_random_bytes() =>
        Gen.Select(Gen.Byte.Array[0, 120], Gen.OneOf<byte>(0x40, 0x45, 0x4F, 0x60, 0x6A), Gen.Int[0, 120], Gen.OneOf<byte>(0, 6, 17, 43, 44, 51, 58, 59, 60))
            .Sample((packet, first, stated, protocol) =>
            {
                // Random bytes rarely get past the version and the length: make most of them.
                if (packet.Length > 10)
                {
                    packet[0] = first;
                    (packet[2], packet[3], packet[4], packet[5]) = (0, (byte)stated, 0, (byte)stated);
                    (packet[6], packet[9]) = (protocol, protocol);
                }

                StaysWithinBounds(packet);
            }, iter: 50_000);

    [Fact]
    public void Should_stay_within_bounds_on_mutated_packets() =>
        Gen.Select(Gen.Bool, Gen.Select(Gen.Int[0, 199], Gen.Byte).Array[0, 6], Gen.Int[0, 200]).Sample((ipv6, mutations, length) =>
        {
            byte[] packet = ipv6
                ? IpBytes.Ipv6(IpProtocol.HopByHop, IpBytes.Extension(IpProtocol.Fragment, 2, IpBytes.Fragment6(IpProtocol.Routing, 0, true, 9,
                    IpBytes.Extension(IpProtocol.AuthenticationHeader, 1, IpBytes.Extension(IpProtocol.Tcp, 3, new byte[104])))))
                : IpBytes.Ipv4(IpProtocol.Tcp, new byte[160], headerLength: 40);
            foreach ((int at, byte value) in mutations)
                packet[at] = value;
            StaysWithinBounds(packet[..length]);
        }, iter: 50_000);

    private static void StaysWithinBounds(byte[] packet)
    {
        // An array's end is checked by the runtime: reading past it would throw.
        if (InnerPacket.TryParse(packet, out InnerPacket inner) != DropReason.None)
            return;
        Assert.InRange(inner.Length, inner.Version == 4 ? 20 : 40, packet.Length);
        Assert.InRange(inner.TransportOffset, 0, inner.Length);
        if (inner.HasPorts)
        {
            Assert.InRange(inner.TransportOffset, inner.Version == 4 ? 20 : 40, inner.Length - 4);
            Assert.Equal(inner.SourcePort, packet[inner.TransportOffset] << 8 | packet[inner.TransportOffset + 1]);
        }

        // What reads packets by this description must stay within them too.
        KernelChatter.Matches(packet, inner);
        if (inner.TransportOffset != 0)
            InternetChecksum.Transport(packet, inner);
        if (IcmpError.TryReadQuote(packet, inner, out var quote))
            _ = InnerPacket.TryParseQuote(quote, out _);
        // Anything can be quoted, cut anywhere.
        if (InnerPacket.TryParseQuote(packet, out var quoted))
            Assert.InRange(quoted.TransportOffset, 0, packet.Length);
    }

    private static InnerPacket Parsed(byte[] packet)
    {
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out InnerPacket inner));
        return inner;
    }
}
