using CsCheck;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Wire;

public class GwlbGeneveHeaderSpecs
{
    private static readonly byte[] _eight = [1, 2, 3, 4, 5, 6, 7, 8];
    private static readonly byte[] _four = [9, 8, 7, 6];

    [Fact]
    public void Should_read_the_header_that_the_load_balancer_writes()
    {
        // 8-byte header, then class 0x0108: type 1 (8 bytes), 2 (8), 3 (4).
        byte[] datagram = Convert.FromHexString(
            "0800080000000000" + "01080102" + "0b8ee1d4db0c51c0" + "01080202" + "1122334455667788" + "01080301" + "cafebabe" + "45");

        DropReason reason = GwlbGeneveHeader.TryParse(datagram, out GwlbGeneveHeader header);

        Assert.Equal(DropReason.None, reason);
        Assert.Equal(40, header.Length);
        Assert.Equal(EtherType.Ipv4, header.ProtocolType);
        Assert.Equal(0x0b8ee1d4db0c51c0ul, header.EniId);
        Assert.Equal(0x1122334455667788ul, header.AttachmentId);
        Assert.Equal(0xcafebabe, header.FlowCookie);
        Assert.Equal(24, header.AttachmentIdOffset);
        Assert.Equal(36, header.FlowCookieOffset);
    }

    [Theory]
    [InlineData("123")]
    [InlineData("132")]
    [InlineData("213")]
    [InlineData("231")]
    [InlineData("312")]
    [InlineData("321")]
    public void Should_take_the_three_options_in_any_order_with_others_between(string order)
    {
        GeneveBytes builder = new() { ProtocolType = EtherType.Ipv6, Vni = 0xABCDEF, Flags = 0x40 };
        foreach (char option in order)
        {
            builder.Option(0x0108, 0x7F, []).Option(0x0102, 1, _four);
            _ = option switch { '1' => builder.EniId(77), '2' => builder.AttachmentId(88), _ => builder.FlowCookie(99) };
        }

        byte[] datagram = builder.Build();

        Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(datagram, out GwlbGeneveHeader header));
        Assert.Equal(datagram.Length, header.Length);
        Assert.Equal(EtherType.Ipv6, header.ProtocolType);
        Assert.Equal((77ul, 88ul, 99u), (header.EniId, header.AttachmentId, header.FlowCookie));
        Assert.Equal(88, datagram[header.AttachmentIdOffset + 7]);
        Assert.Equal(99, datagram[header.FlowCookieOffset + 3]);
    }

    [Fact]
    public void Should_ignore_reserved_bits_and_the_critical_flag_of_the_header()
    {
        byte[] datagram = new GeneveBytes { Flags = 0x7F }.EniId(1).AttachmentId(2).FlowCookie(3).Build();
        datagram[7] = 0xFF; // reserved byte behind the VNI
        datagram[11] |= 0xE0; // reserved bits beside an option's length

        Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(datagram, out GwlbGeneveHeader header));
        Assert.Equal((1ul, 2ul, 3u), (header.EniId, header.AttachmentId, header.FlowCookie));
    }

    [Fact]
    public void Should_take_the_longest_header()
    {
        byte[] datagram = GeneveBytes.Standard().Option(0x0100, 5, new byte[124]).Option(0x0100, 6, new byte[88]).Build();

        Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(datagram, out GwlbGeneveHeader header));
        Assert.Equal(GwlbGeneveHeader.MaximumLength, header.Length);
    }

    public static TheoryData<DropReason, byte[]> Refused() => new()
    {
        { DropReason.GeneveTruncated, [] },
        { DropReason.GeneveTruncated, [8, 0, 8, 0, 0, 0, 0] },
        { DropReason.GeneveVersion, new GeneveBytes { Version = 1 }.EniId(1).AttachmentId(2).FlowCookie(3).Build() },
        { DropReason.GeneveControl, new GeneveBytes { Flags = 0x80 }.EniId(1).AttachmentId(2).FlowCookie(3).Build() },
        { DropReason.GeneveProtocol, new GeneveBytes { ProtocolType = 0x6558 }.EniId(1).AttachmentId(2).FlowCookie(3).Build() },
        { DropReason.GeneveOptionsOverrun, GeneveBytes.Standard().Build()[..39] },
        { DropReason.GeneveOptionsOverrun, new GeneveBytes { StatedOptionsLength = 28 }.EniId(1).AttachmentId(2).FlowCookie(3).Build() },
        { DropReason.GeneveOptionsOverrun, GeneveBytes.Standard().Option(0x0100, 1, _four, statedLength: 8).Build() },
        { DropReason.GeneveOptionLength, new GeneveBytes().Option(0x0108, 1, _four).AttachmentId(2).FlowCookie(3).Build() },
        { DropReason.GeneveOptionLength, new GeneveBytes().EniId(1).Option(0x0108, 2, _four).FlowCookie(3).Build() },
        { DropReason.GeneveOptionLength, new GeneveBytes().EniId(1).AttachmentId(2).Option(0x0108, 3, _eight).Build() },
        { DropReason.GeneveOptionLength, new GeneveBytes().EniId(1).AttachmentId(2).Option(0x0108, 3, []).Build() },
        { DropReason.GeneveCriticalOption, GeneveBytes.Standard().Option(0x0100, 0x81, _four).Build() },
        { DropReason.GeneveCriticalOption, GeneveBytes.Standard().Option(0x0108, 0x84, _four).Build() },
        { DropReason.GeneveMissingEniId, new GeneveBytes().Build() },
        { DropReason.GeneveMissingEniId, new GeneveBytes().Option(0x0109, 1, _eight).AttachmentId(2).FlowCookie(3).Build() },
        { DropReason.GeneveMissingAttachmentId, new GeneveBytes().EniId(1).FlowCookie(3).Build() },
        { DropReason.GeneveMissingFlowCookie, new GeneveBytes().EniId(1).AttachmentId(2).Build() },
        { DropReason.GeneveDuplicateOption, GeneveBytes.Standard().EniId(1).Build() },
        { DropReason.GeneveDuplicateOption, GeneveBytes.Standard().AttachmentId(1).Build() },
        { DropReason.GeneveDuplicateOption, GeneveBytes.Standard().FlowCookie(0x11223344).Build() },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Should_refuse_with_the_reason_when_a_header_breaks_the_rules(DropReason expected, byte[] datagram) =>
        Assert.Equal(expected, GwlbGeneveHeader.TryParse(datagram, out _));

    [Fact]
    public void Should_cover_every_reason_about_Geneve()
    {
        IEnumerable<DropReason> covered = Refused().Select(row => (DropReason)row[0]).Distinct();
        IEnumerable<DropReason> all = Enum.GetValues<DropReason>().Where(reason => reason.ToString().StartsWith("Geneve", StringComparison.Ordinal));
        Assert.Equal(all.Order(), covered.Order());
    }

    [Fact]
    public void Should_read_what_the_writer_writes() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.UInt, Gen.UInt[0, 0xFFFFFF], Gen.Bool).Sample((eniId, attachmentId, cookie, vni, ipv6) =>
        {
            byte[] datagram = new byte[60];
            ushort protocolType = ipv6 ? EtherType.Ipv6 : EtherType.Ipv4;
            int length = GeneveWriter.WriteGwlbHeader(datagram, protocolType, eniId, attachmentId, cookie, vni);
            return GwlbGeneveHeader.TryParse(datagram, out GwlbGeneveHeader header) == DropReason.None
                && (header.Length, header.ProtocolType, header.EniId, header.AttachmentId, header.FlowCookie)
                    == (length, protocolType, eniId, attachmentId, cookie)
                && datagram.AsSpan(4, 4).SequenceEqual(new byte[] { (byte)(vni >> 16), (byte)(vni >> 8), (byte)vni, 0 });
        });

    [Fact]
    public void Should_read_the_same_by_the_short_way_and_by_the_walk() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.UInt).Sample((eniId, attachmentId, cookie) =>
        {
            byte[] standard = GeneveBytes.Standard(eniId, attachmentId, cookie).Build();
            byte[] walked = [.. standard];
            walked[11] |= 0x20; // a reserved bit: no longer what the short way looks for
            return GwlbGeneveHeader.TryParse(standard, out GwlbGeneveHeader one) == DropReason.None
                && GwlbGeneveHeader.TryParse(walked, out GwlbGeneveHeader other) == DropReason.None
                && one.Equals(other);
        });

    [Fact]
    public void Should_stay_within_bounds_on_random_bytes() =>
        Gen.Byte.Array[0, 300].Sample(StaysWithinBounds, iter: 20_000);

    [Fact]
    public void Should_stay_within_bounds_on_mutated_headers() =>
        Gen.Select(Gen.Select(Gen.Int[0, 51], Gen.Byte).Array[0, 6], Gen.Int[0, 52]).Sample((mutations, length) =>
        {
            byte[] datagram = GeneveBytes.Standard().Option(0x0100, 7, _eight).Build();
            foreach ((int at, byte value) in mutations)
                datagram[at] = value;
            StaysWithinBounds(datagram[..length]);
        }, iter: 50_000);

    private static void StaysWithinBounds(byte[] datagram)
    {
        // An array's end is checked by the runtime: reading past it would throw.
        if (GwlbGeneveHeader.TryParse(datagram, out GwlbGeneveHeader header) != DropReason.None)
            return;
        Assert.InRange(header.Length, GwlbGeneveHeader.StandardLength, Math.Min(datagram.Length, GwlbGeneveHeader.MaximumLength));
        Assert.InRange(header.AttachmentIdOffset, 12, header.Length - 8);
        Assert.InRange(header.FlowCookieOffset, 12, header.Length - 4);
    }
}
