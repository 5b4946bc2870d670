using CsCheck;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class FlowTupleSpecs
{
    [Fact]
    public void Should_be_the_same_in_both_directions_and_tell_them_apart() =>
        Gen.Select(Gen.Bool, Gen.OneOf<byte>(1, 6, 17), Gen.Byte.Array[60]).Sample((isIpv6, protocol, forward) =>
        {
            Shape(forward, isIpv6, protocol);
            byte[] back = [.. forward];
            (int addresses, int half, int ports) = isIpv6 ? (8, 16, 40) : (12, 4, 20);
            forward.AsSpan(addresses, half).CopyTo(back.AsSpan(addresses + half));
            forward.AsSpan(addresses + half, half).CopyTo(back.AsSpan(addresses));
            forward.AsSpan(ports, 2).CopyTo(back.AsSpan(ports + 2));
            forward.AsSpan(ports + 2, 2).CopyTo(back.AsSpan(ports));
            return Tuple(forward, out bool isReversed) == Tuple(back, out bool isBackReversed) && isReversed != isBackReversed;
        });

    [Fact]
    public void Should_know_later_fragments_and_other_protocols_by_addresses_and_protocol()
    {
        byte[] whole = Shape(new byte[60], isIpv6: false, 17);
        byte[] otherPorts = Shape(new byte[60], isIpv6: false, 17);
        otherPorts[21] = 9;
        Assert.NotEqual(Tuple(whole, out _), Tuple(otherPorts, out _));

        otherPorts[7] = 1; // fragment offset
        Assert.Equal(Tuple(Shape(new byte[60], isIpv6: false, 17), out _), Tuple(otherPorts, out _));

        byte[] ping = Shape(new byte[60], isIpv6: false, 1);
        byte[] otherPing = Shape(new byte[60], isIpv6: false, 1);
        otherPing[25] = 9;
        Assert.Equal(Tuple(ping, out _), Tuple(otherPing, out _));
        Assert.NotEqual(Tuple(ping, out _), Tuple(Shape(new byte[60], isIpv6: false, 17), out _));
    }

    private static byte[] Shape(byte[] packet, bool isIpv6, byte protocol)
    {
        packet[0] = (byte)(isIpv6 ? 0x60 : 0x45);
        (packet[2], packet[3], packet[4], packet[5], packet[7]) = (0, 60, 0, 20, 0);
        (packet[6], packet[9]) = (isIpv6 ? protocol : (byte)0, protocol);
        return packet;
    }

    private static FlowTuple Tuple(byte[] packet, out bool isReversed)
    {
        Assert.True(InnerView.TryParse(packet, out InnerView inner));
        return FlowTuple.From(packet, inner, endpoint: 0, out isReversed);
    }
}
