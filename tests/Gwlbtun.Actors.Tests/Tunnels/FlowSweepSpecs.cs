using System.Buffers.Binary;
using System.Net;
using Gwlbtun.Actors.Tunnels;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Matching;
using Gwlbtun.Native.Wire;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gwlbtun.Actors.Tests.Tunnels;

public class FlowSweepSpecs
{
    private const long SecondMs = 1000;

    [Fact]
    public void Should_forget_a_million_idle_flows_within_a_minute()
    {
        const int flows = 1_000_000;
        using var matcher = new FlowMatcher(new FlowTableOptions { UdpIdle = TimeSpan.FromSeconds(1) }, new FragmentOptions());
        var table = matcher.Flows;
        Fill(matcher, flows);
        var sweep = new FlowSweep(matcher.Sweep);

        var taken = TimeSpan.Zero;
        while (table.Count(FlowFamily.V4, FlowProtocol.Udp) > 0)
            taken += sweep.Slice(10 * SecondMs);

        Assert.Equal(flows, table.TimedOut(FlowFamily.V4, FlowProtocol.Udp));
        // A pause may be twice as long as it is asked for.
        Assert.InRange(2 * taken, TimeSpan.Zero, TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void Should_forget_fragments_too_though_there_are_no_flows()
    {
        const int packets = 10_000;
        using var matcher = new FlowMatcher(new FlowTableOptions(), new FragmentOptions { Timeout = TimeSpan.FromSeconds(30) });
        Fill(matcher, packets, fragmentOffset: 100);
        Assert.Equal(packets, matcher.Fragments.Count(FlowFamily.V4, FlowProtocol.Udp));
        var sweep = new FlowSweep(matcher.Sweep);

        for (var slices = 0; sweep.Slice(40 * SecondMs) != FlowSweep.BetweenRounds; slices++)
            Assert.InRange(slices, 0, packets);

        Assert.Equal(0, matcher.Fragments.Count(FlowFamily.V4, FlowProtocol.Udp));
    }

    [Fact]
    public void Should_end_a_slice_after_a_millisecond_though_there_is_more_to_do()
    {
        var steps = 0;
        FakeTimeProvider clock = new();
        var sweep = new FlowSweep(
            (_, _) =>
            {
                steps++;
                clock.Advance(TimeSpan.FromMilliseconds(0.3));
                return false;
            },
            clock);

        Assert.Equal(FlowSweep.BetweenSlices, sweep.Slice(0));
        Assert.Equal(4, steps);
    }

    [Fact]
    public void Should_rest_when_the_end_of_the_table_is_reached()
    {
        var steps = 0;
        var sweep = new FlowSweep((_, _) => ++steps == 3, new FakeTimeProvider());

        Assert.Equal(FlowSweep.BetweenRounds, sweep.Slice(0));
        Assert.Equal(3, steps);
    }

    private static void Fill(FlowMatcher matcher, int flows, ushort fragmentOffset = 0)
    {
        var header = new byte[GwlbGeneveHeader.StandardLength];
        GeneveWriter.WriteGwlbHeader(header, EtherType.Ipv4, 1, 2, 3);
        _ = GwlbGeneveHeader.TryParse(header, out var parsed);
        var packet = new byte[28];
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), fragmentOffset);
        packet[9] = 17;
        IPAddress.Parse("192.0.2.1").TryWriteBytes(packet.AsSpan(16), out _);
        for (var i = 0; i < flows; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(packet.AsSpan(12), i);
            Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
            matcher.Learn(matcher.Prefetch(packet, inner), packet, inner, header, parsed, new OuterPath(1, 2, 3), SecondMs);
        }
    }
}
