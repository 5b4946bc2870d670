using System.Buffers.Binary;
using CsCheck;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Offload;

/// <summary>Super-packets as the kernel hands them out: with anything in the fields that segmenting writes.</summary>
public class SegmenterSpecs
{
    private const int SegmentSize = 100;

    [Theory]
    [InlineData(4, IpProtocol.Tcp)]
    [InlineData(4, IpProtocol.Udp)]
    [InlineData(6, IpProtocol.Tcp)]
    [InlineData(6, IpProtocol.Udp)]
    public void Should_give_every_segment_right_checksums_whatever_the_headers_hold(int version, byte protocol) =>
        Gen.Select(Gen.Byte.Array[80], Gen.Int[0, 5], Gen.Int[101, 1000]).Sample((noise, optionWords, payload) =>
        {
            bool isTcp = protocol == IpProtocol.Tcp;
            byte[] transport = new byte[(isTcp ? 20 + (4 * optionWords) : 8) + payload];
            noise.AsSpan(0, isTcp ? 20 + (4 * optionWords) : 8).CopyTo(transport);
            noise.CopyTo(transport, transport.Length - noise.Length);
            if (isTcp)
                transport[12] = (byte)((5 + optionWords) << 4 | (noise[12] & 0x0F));
            byte[] packet = version == 4
                ? IpBytes.Ipv4(protocol, transport, headerLength: 20 + (4 * optionWords), id: (ushort)(noise[60] << 8 | noise[61]))
                : IpBytes.Ipv6(protocol, IpBytes.Extension(protocol, 1 + optionWords, transport));
            if (version == 4)
                noise.AsSpan(62, 2).CopyTo(packet.AsSpan(10));
            else
                packet[6] = IpProtocol.DestinationOptions;

            Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
            byte type = !isTcp ? VirtioNetHeader.GsoUdp : version == 4 ? VirtioNetHeader.GsoTcp4 : VirtioNetHeader.GsoTcp6;
            Assert.True(Segmenter.TryCreate(new VirtioNetHeader { GsoType = type, GsoSize = SegmentSize }, packet, inner, out var segments));
            Assert.Equal((payload + SegmentSize - 1) / SegmentSize, segments.Count);
            for (int i = 0; i < segments.Count; i++)
            {
                byte[] segment = new byte[segments.HeaderLength + segments.PayloadOf(i).Length];
                segments.WriteHeaders(i, segment);
                segments.PayloadOf(i).CopyTo(segment.AsSpan(segments.HeaderLength));
                Assert.Equal(DropReason.None, InnerPacket.TryParse(segment, out var cut));
                Assert.Equal(segment.Length, cut.Length);
                Assert.Equal(0, InternetChecksum.Transport(segment, cut));
                if (version == 4)
                    Assert.Equal(0, InternetChecksum.Compute(segment.AsSpan(0, cut.TransportOffset)));
                if (isTcp)
                    Assert.Equal(Sequence(packet, inner) + (uint)(i * SegmentSize), Sequence(segment, cut));
            }
        }, iter: 2000);

    private static uint Sequence(ReadOnlySpan<byte> packet, in InnerPacket inner) => BinaryPrimitives.ReadUInt32BigEndian(packet[(inner.TransportOffset + 4)..]);
}
