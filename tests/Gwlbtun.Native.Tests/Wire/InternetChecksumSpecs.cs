using CsCheck;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Wire;

public class InternetChecksumSpecs
{
    [Fact]
    public void Should_compute_the_example_of_RFC_1071() =>
        Assert.Equal(unchecked((ushort)~0xDDF2), InternetChecksum.Compute([0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]));

    [Fact]
    public void Should_compute_a_known_IPv4_header_checksum()
    {
        byte[] header = Convert.FromHexString("450000730000400040110000c0a80001c0a800c7");
        Assert.Equal(0xB861, InternetChecksum.Compute(header));
    }

    // What the machine has not in hardware, the runtime puts together of what it has.
    public static TheoryData<int> VectorBits => [0, 128, 256, 512];

    [Fact]
    public void Should_sum_as_the_reference_does() =>
        Gen.Select(Gen.Byte.Array[0, 700], Gen.UInt, Gen.Int[0, 7]).Sample((bytes, start, skip) =>
        {
            // The start need not be aligned.
            ReadOnlySpan<byte> span = bytes.AsSpan(Math.Min(skip, bytes.Length));
            return InternetChecksum.Fold(InternetChecksum.Sum(span, start)) == InternetChecksum.Fold(InternetChecksum.SumReference(span, start));
        }, iter: 20_000);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Should_sum_every_length_as_the_reference_does_with_vectors_of_any_size(int vectorBits) =>
        Gen.Select(Gen.Byte.Array[9100], Gen.UInt, Gen.Int[0, 63]).Sample((bytes, start, skip) =>
        {
            int[] large = [1399, 1400, 1401, 8399, 8400, 9037 - skip];
            foreach (int length in Enumerable.Range(0, 601).Concat(large))
            {
                ReadOnlySpan<byte> span = bytes.AsSpan(skip, length);
                if (InternetChecksum.Fold(InternetChecksum.Sum(span, start, vectorBits)) != InternetChecksum.SumReference(span, start))
                    return false;
            }

            return true;
        }, iter: 50);

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Should_sum_as_the_reference_does_when_carries_are_many(int vectorBits)
    {
        for (int length = 0; length <= 65_535; length += 331)
        {
            byte[] bytes = new byte[length];
            Array.Fill(bytes, (byte)0xFF);
            Assert.Equal(InternetChecksum.SumReference(bytes, uint.MaxValue), InternetChecksum.Fold(InternetChecksum.Sum(bytes, uint.MaxValue, vectorBits)));
        }
    }

    [Theory]
    [MemberData(nameof(VectorBits))]
    public void Should_sum_nothing_but_zeros_to_zero(int vectorBits) => Assert.Equal(0u, InternetChecksum.Sum(new byte[1400], 0, vectorBits));

    [Fact]
    public void Should_sum_pieces_as_the_whole() =>
        Gen.Select(Gen.Byte.Array[0, 200], Gen.Int[0, 100]).Sample((bytes, half) =>
        {
            int cut = Math.Min(half * 2, bytes.Length & ~1);
            uint pieces = InternetChecksum.Sum(bytes.AsSpan(cut), InternetChecksum.Sum(bytes.AsSpan(0, cut)));
            return InternetChecksum.Fold(pieces) == InternetChecksum.Fold(InternetChecksum.Sum(bytes));
        });

    [Theory]
    // UDP with a payload of odd length, and ICMP, which has no pseudo-header.
    [InlineData("4500001d000040004011" + "0000" + "0a0000010a000002" + "0400138a0009" + "5c4f" + "78", 0)]
    [InlineData("4500001c000040004001" + "0000" + "0a0000010a000002" + "0800" + "f7fd" + "00010001", 0)]
    public void Should_find_a_valid_transport_checksum_to_be_zero(string hex, int expected)
    {
        byte[] packet = Convert.FromHexString(hex);
        InnerPacket.TryParse(packet, out InnerPacket inner);
        Assert.Equal(expected, InternetChecksum.Transport(packet, inner));
    }

    [Theory]
    [InlineData(IpProtocol.Tcp, 16)]
    [InlineData(IpProtocol.Udp, 6)]
    [InlineData(IpProtocol.IcmpV6, 2)]
    public void Should_include_the_pseudo_header_over_IPv6(byte protocol, int checksumOffset) =>
        Gen.Byte.Array[20, 200].Sample(segment =>
        {
            segment[checksumOffset] = segment[checksumOffset + 1] = 0;
            byte[] packet = IpBytes.Ipv6(protocol, segment);
            InnerPacket.TryParse(packet, out InnerPacket inner);
            // Both addresses, the length and the next header (RFC 8200 section 8.1).
            byte[] pseudo = [.. packet.AsSpan(8, 32), 0, 0, (byte)(segment.Length >> 8), (byte)segment.Length, 0, 0, 0, protocol];
            ushort expected = (ushort)~InternetChecksum.Fold(InternetChecksum.SumReference([.. pseudo, .. segment]));
            ushort checksum = InternetChecksum.Transport(packet, inner);

            packet[40 + checksumOffset] = (byte)(checksum >> 8);
            packet[40 + checksumOffset + 1] = (byte)checksum;
            return checksum == expected && InternetChecksum.Transport(packet, inner) == 0;
        });

    [Fact]
    public void Should_leave_padding_out_of_the_transport_checksum()
    {
        byte[] packet = IpBytes.Ipv4(IpProtocol.Udp, IpBytes.Udp(1, 2, 3));
        byte[] padded = [.. packet, 0xAA, 0xBB];
        InnerPacket.TryParse(packet, out InnerPacket inner);
        Assert.Equal(InternetChecksum.Transport(packet, inner), InternetChecksum.Transport(padded, inner));
    }
}
