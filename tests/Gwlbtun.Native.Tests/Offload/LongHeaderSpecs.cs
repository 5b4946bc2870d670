using System.Buffers.Binary;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Offload;

/// <summary>Super-packets whose IPv6 extension headers are long: another interface's receive offload merges such packets, whoever sends them.</summary>
public class LongHeaderSpecs
{
    private const int PayloadBytes = 2_000;

    [Theory]
    [InlineData(0, true)]
    [InlineData(600, true)]
    [InlineData(704, true)]
    [InlineData(712, false)]
    [InlineData(2_040, false)]
    public void Should_take_headers_that_fit_their_room_and_refuse_longer_ones(int extensionBytes, bool isTaken)
    {
        var (packet, virtio) = SuperPacketWith(extensionBytes);
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));

        Assert.Equal(isTaken, Segmenter.TryCreate(virtio, packet, inner, out _));
    }

    [Fact]
    public void Should_have_room_for_all_that_goes_in_front_of_a_payload() =>
        Assert.True(ReturnFrame.FrontLength + GwlbGeneveHeader.MaximumLength + SuperPacket.MaximumHeaderBytes <= ReturnFrames.HeaderStride);

    [Fact]
    public void Should_give_segments_behind_a_routing_header_the_checksum_for_their_final_destination()
    {
        var (packet, virtio) = SuperPacketWith(24);
        // A routing header with one segment left: the pseudo-header has the address that is in it (RFC 8200 section 8.1).
        packet[6] = IpProtocol.Routing;
        packet[40 + 2] = 0;
        packet[40 + 3] = 1;
        var final = packet.AsSpan(48, 16);
        final.Fill(0x5A);
        var transportLength = packet.Length - 64;
        var pseudo = InternetChecksum.Sum(packet.AsSpan(8, 16)) + InternetChecksum.Sum(final) + IpProtocol.Tcp;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(64 + 16), InternetChecksum.Fold(pseudo + (uint)transportLength));
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
        Assert.True(Segmenter.TryCreate(virtio, packet, inner, out var segments));

        for (var i = 0; i < segments.Count; i++)
        {
            var segment = new byte[segments.HeaderLength + segments.PayloadOf(i).Length];
            segments.WriteHeaders(i, segment);
            segments.PayloadOf(i).CopyTo(segment.AsSpan(segments.HeaderLength));
            var sum = InternetChecksum.Sum(segment.AsSpan(64), pseudo + (uint)(segment.Length - 64));
            Assert.Equal(ushort.MaxValue, InternetChecksum.Fold(sum));
        }
    }

    // IPv6, one extension header of so many bytes (destination options, all padding), TCP.
    private static (byte[] Packet, VirtioNetHeader Virtio) SuperPacketWith(int extensionBytes)
    {
        var transport = 40 + extensionBytes;
        var packet = new byte[transport + 20 + PayloadBytes];
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(packet.Length - 40));
        packet[6] = extensionBytes == 0 ? IpProtocol.Tcp : IpProtocol.DestinationOptions;
        packet[7] = 64;
        packet[23] = 1;
        packet[39] = 2;
        if (extensionBytes > 0)
        {
            packet[40] = IpProtocol.Tcp;
            packet[41] = (byte)((extensionBytes / 8) - 1);
        }

        packet[transport + 12] = 0x50;
        packet[transport + 13] = 0x10;
        return (packet, new VirtioNetHeader
        {
            Flags = VirtioNetHeader.NeedsChecksum,
            GsoType = VirtioNetHeader.GsoTcp6,
            GsoSize = 800,
            HeaderLength = (ushort)(transport + 20),
            ChecksumStart = (ushort)transport,
            ChecksumOffset = TcpFormat.ChecksumOffset,
        });
    }
}
