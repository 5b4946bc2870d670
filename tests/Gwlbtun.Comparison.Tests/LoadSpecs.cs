using CsCheck;
using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Load;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Comparison.Tests;

public class LoadSpecs
{
    private static readonly Gen<BenchmarkCase> _anyCase = Gen.Select(Gen.Bool, Gen.Bool, Gen.Int[1, 70_000], Gen.Int[1, 100], Gen.Int[0, 3].Select(i => ((string[])["64", "128", "1400", "64:7,576:4,1400:1"])[i]))
        .Select((isTcp, isIpv6, flows, endpoints, sizes) => new BenchmarkCase("any", "") { IsTcp = isTcp, IsIpv6 = isIpv6, Flows = flows, Endpoints = endpoints, Sizes = SizeMix.Parse(sizes) });

    [Fact]
    public void Should_send_packets_that_a_handler_takes_and_whose_checksums_hold() =>
        Gen.Select(_anyCase, Gen.UInt, Gen.Bool).Sample((load, sequence, isReply) =>
        {
            byte[] datagram = Datagram(new LoadPackets(load), load.Flows - 1, sequence, isReply: isReply);

            Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(datagram, out GwlbGeneveHeader geneve));
            Assert.Equal(LoadPackets.GeneveLength, geneve.Length);
            byte[] packet = datagram[geneve.Length..];
            Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out InnerPacket inner));
            Assert.Equal(packet.Length, inner.Length);
            Assert.Equal(0, InternetChecksum.Transport(packet, inner));
            if (inner.Version == 4)
                Assert.Equal(0, InternetChecksum.Compute(packet.AsSpan(0, 20)));
        });

    [Fact]
    public void Should_send_tcp_segments_in_sequence()
    {
        LoadPackets packets = new(new BenchmarkCase("any", "") { IsTcp = true, Sizes = SizeMix.Parse("1400") });
        const int SequenceNumber = LoadPackets.GeneveLength + 20 + 4;

        uint first = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(Datagram(packets, 3, 7).AsSpan(SequenceNumber));
        uint second = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(Datagram(packets, 3, 8).AsSpan(SequenceNumber));

        Assert.Equal(1400u - 40, second - first);
    }

    [Fact]
    public void Should_accept_what_was_sent_with_a_lower_hop_limit() =>
        Gen.Select(_anyCase, Gen.Byte[1, 64]).Sample((load, hopLimit) =>
        {
            LoadPackets packets = new(load);
            LoadJudge judge = new(load, packets);

            Assert.Equal(LoadVerdict.Good, judge.Judge(Datagram(packets, 0, 0, hopLimit), LoadSender.SourcePortOf(0), out long sentAt));
            Assert.Equal(12_345, sentAt);
            Assert.Equal(0, judge.Wrong);
        });

    [Fact]
    public void Should_find_any_changed_byte() =>
        Gen.Select(_anyCase, Gen.UInt, Gen.Byte[1, 255]).Sample((load, place, mask) =>
        {
            LoadPackets packets = new(load);
            LoadJudge judge = new(load, packets);
            byte[] datagram = Datagram(packets, 0, 0);
            int at = (int)(place % (uint)datagram.Length);
            // A lower hop limit is what a router leaves, and a good one: over IPv6, where no checksum covers it.
            datagram[at] ^= at == packets.HopLimitOffset ? (byte)0x80 : mask;

            Assert.NotEqual(LoadVerdict.Good, judge.Judge(datagram, LoadSender.SourcePortOf(0), out _));
            Assert.Equal(1, judge.Wrong);
        });

    [Fact]
    public void Should_find_the_header_and_the_port_of_another_flow()
    {
        BenchmarkCase load = new("any", "");
        LoadPackets packets = new(load);
        LoadJudge judge = new(load, packets);
        byte[] swapped = [.. Datagram(packets, 1, 0)[..LoadPackets.GeneveLength], .. Datagram(packets, 2, 0)[LoadPackets.GeneveLength..]];

        Assert.Equal(LoadVerdict.WrongHeader, judge.Judge(swapped, LoadSender.SourcePortOf(2), out _));
        Assert.Equal(LoadVerdict.WrongPort, judge.Judge(Datagram(packets, 2, 0), LoadSender.SourcePortOf(1), out _));
    }

    [Fact]
    public void Should_find_a_packet_that_comes_late_or_twice()
    {
        BenchmarkCase load = new("any", "");
        LoadPackets packets = new(load);
        LoadJudge judge = new(load, packets);

        Assert.Equal(LoadVerdict.Good, judge.Judge(Datagram(packets, 5, 3), LoadSender.SourcePortOf(5), out _));
        Assert.Equal(LoadVerdict.OutOfOrder, judge.Judge(Datagram(packets, 5, 3), LoadSender.SourcePortOf(5), out _));
        Assert.Equal(LoadVerdict.OutOfOrder, judge.Judge(Datagram(packets, 5, 2), LoadSender.SourcePortOf(5), out _));
        Assert.Equal(LoadVerdict.Good, judge.Judge(Datagram(packets, 6, 0), LoadSender.SourcePortOf(6), out _));
        Assert.Equal(2, judge[LoadVerdict.OutOfOrder]);
    }

    [Fact]
    public void Should_expect_the_answer_of_a_server_behind_nat()
    {
        BenchmarkCase load = new("any", "") { Kind = CaseKind.Nat };
        LoadPackets packets = new(load);
        LoadJudge judge = new(load, packets);

        Assert.Equal(LoadVerdict.Good, judge.Judge(Datagram(packets, 1, 0, hopLimit: 62, isReply: true), LoadSender.SourcePortOf(1), out _));
        Assert.Equal(LoadVerdict.WrongBytes, judge.Judge(Datagram(packets, 1, 1), LoadSender.SourcePortOf(1), out _));
    }

    private static byte[] Datagram(LoadPackets packets, int flow, uint sequence, byte hopLimit = LoadPackets.HopLimit, bool isReply = false)
    {
        byte[] datagram = new byte[packets.LengthOf(flow, sequence)];
        packets.WriteHead(datagram, flow, sequence, sentAt: 12_345, hopLimit, isReply);
        packets.NoiseOf(datagram.Length).CopyTo(datagram.AsSpan(packets.HeadLength));
        return datagram;
    }
}
