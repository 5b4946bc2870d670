using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Matching;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Matching;

public class TcpSignalSpecs
{
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Rst = 4;
    private const byte Ack = 16;

    [Theory]
    [InlineData(Ack, TcpSignal.None)]
    [InlineData(Syn, TcpSignal.Opens)]
    [InlineData(Syn | Ack, TcpSignal.Opens)]
    [InlineData(Fin | Ack, TcpSignal.Closes)]
    [InlineData(Rst, TcpSignal.Closes)]
    [InlineData(Syn | Rst, TcpSignal.Closes)]
    public void Should_read_the_flags_wherever_the_header_stands(byte flags, TcpSignal expected)
    {
        Assert.Equal(expected, SignalOf(IpBytes.Ipv4(IpProtocol.Tcp, Segment(flags))));
        Assert.Equal(expected, SignalOf(IpBytes.Ipv4(IpProtocol.Tcp, Segment(flags), headerLength: 60)));
        Assert.Equal(expected, SignalOf(IpBytes.Ipv6(IpProtocol.Tcp, Segment(flags))));
        Assert.Equal(expected, SignalOf(IpBytes.Ipv6(IpProtocol.HopByHop, IpBytes.Extension(IpProtocol.Tcp, 1, Segment(flags)))));
    }

    [Fact]
    public void Should_hear_nothing_where_there_are_no_flags()
    {
        Assert.Equal(TcpSignal.None, SignalOf(IpBytes.Ipv4(IpProtocol.Tcp, Segment(Rst).AsSpan(0, 13))));
        Assert.Equal(TcpSignal.None, SignalOf(IpBytes.Ipv4(IpProtocol.Tcp, Segment(Rst), fragment: 1)));
    }

    private static byte[] Segment(byte flags)
    {
        var segment = new byte[20];
        segment[13] = flags;
        return segment;
    }

    private static TcpSignal SignalOf(byte[] packet)
    {
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
        return TcpFlags.SignalOf(packet, inner);
    }
}
