using CsCheck;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

/// <summary>The judge's parsers and the handler's were written apart from the same documents: where one accepts, the other must agree.</summary>
public class JudgeParserSpecs
{
    private static readonly Gen<(int At, byte Value)[]> _mutations = Gen.Select(Gen.Int[0, 59], Gen.Byte).Array[0, 4];

    [Fact]
    public void Should_read_Geneve_as_the_handler_does() =>
        Gen.Select(Gen.ULong, Gen.UInt, _mutations, Gen.Int[0, 60]).Sample((eniId, cookie, mutations, length) =>
        {
            byte[] datagram = new byte[60];
            GeneveWriter.WriteGwlbHeader(datagram, EtherType.Ipv4, eniId, 1, cookie);
            foreach ((int at, byte value) in mutations)
                datagram[at] = value;
            bool isRead = GeneveView.TryParse(datagram.AsSpan(0, length), out GeneveView view);
            if (GwlbGeneveHeader.TryParse(datagram.AsSpan(0, length), out GwlbGeneveHeader header) != DropReason.None)
                return true;
            return isRead && (view.Length, view.ProtocolType, view.Endpoint, view.Cookie) == (header.Length, header.ProtocolType, header.EniId, header.FlowCookie);
        }, iter: 50_000);

    [Fact]
    public void Should_read_inner_packets_as_the_handler_does() =>
        Gen.Select(Gen.Bool, _mutations, Gen.Int[0, 60], Gen.Byte.Array[60]).Sample((isIpv6, mutations, length, packet) =>
        {
            packet[0] = (byte)(isIpv6 ? 0x60 : 0x45);
            (packet[2], packet[3], packet[4], packet[5]) = (0, 60, 0, 20);
            (packet[6], packet[9]) = (isIpv6 ? (byte)(packet[7] % 62) : packet[6], (byte)(packet[9] % 20));
            foreach ((int at, byte value) in mutations)
                packet[at] = value;
            ReadOnlySpan<byte> bytes = packet.AsSpan(0, length);
            bool isRead = InnerView.TryParse(bytes, out InnerView view);
            if (isRead)
                view.HasValidChecksums(bytes); // stays within bounds
            if (InnerPacket.TryParse(bytes, out InnerPacket inner) != DropReason.None || (inner.TransportOffset == 0 && !inner.IsFragment))
                return true;
            // Behind extension headers that are cut short the judge sees no packet at all.
            return !isRead
                ? inner.Version == 6 && inner.TransportOffset == 0
                : (view.Version, view.Length, view.Protocol, view.IsFragment, view.HasPorts) == (inner.Version, inner.Length, inner.Protocol, inner.IsFragment, inner.HasPorts);
        }, iter: 50_000);

    [Fact]
    public void Should_judge_checksums_as_the_handler_computes_them() =>
        Gen.Select(Gen.Bool, Gen.OneOf<byte>(1, 6, 17, 58), Gen.Byte.Array[20, 300], Gen.Int[0, 299], Gen.Byte[1, 255]).Sample((isIpv6, protocol, upper, flipAt, flip) =>
        {
            int header = isIpv6 ? 40 : 20;
            byte[] packet = [.. new byte[header], .. upper];
            packet[0] = (byte)(isIpv6 ? 0x60 : 0x45);
            (int length, int lengthAt) = isIpv6 ? (upper.Length, 4) : (packet.Length, 2);
            (packet[lengthAt], packet[lengthAt + 1]) = ((byte)(length >> 8), (byte)length);
            packet[isIpv6 ? 6 : 9] = protocol;
            int checksumAt = header + protocol switch { 6 => 16, 17 => 6, _ => 2 };
            (packet[checksumAt], packet[checksumAt + 1]) = (0, 0);
            InnerPacket.TryParse(packet, out InnerPacket inner);
            ushort checksum = InternetChecksum.Transport(packet, inner);
            if (checksum == 0 && protocol == 17)
                checksum = 0xFFFF;
            (packet[checksumAt], packet[checksumAt + 1]) = ((byte)(checksum >> 8), (byte)checksum);
            if (!isIpv6)
            {
                ushort ip = InternetChecksum.Compute(packet.AsSpan(0, 20));
                (packet[10], packet[11]) = ((byte)(ip >> 8), (byte)ip);
            }

            bool isJudged = protocol is 6 or 17 || protocol == (isIpv6 ? 58 : 1);
            bool isValid = InnerView.TryParse(packet, out InnerView view) && view.HasValidChecksums(packet);
            packet[header + flipAt % upper.Length] ^= flip;
            bool isStillValid = view.HasValidChecksums(packet);
            return isValid && (isStillValid != isJudged || IsWithoutChecksum());

            // A flip can turn UDP's checksum to "none" over IPv4.
            bool IsWithoutChecksum() => protocol == 17 && !isIpv6 && packet[checksumAt] == 0 && packet[checksumAt + 1] == 0;
        }, iter: 20_000);

    [Fact]
    public void Should_know_an_opening_segment_from_the_others()
    {
        byte[] packet = new byte[40];
        (packet[0], packet[3], packet[9]) = (0x45, 40, 6);
        Assert.True(InnerView.TryParse(packet, out InnerView view));
        Assert.Equal([false, true, false, true, false], new byte[] { 0x10, 0x02, 0x12, 0xC2, 0x04 }.Select(flags =>
        {
            packet[33] = flags;
            return view.IsOpening(packet);
        }));
    }

    [Theory]
    [InlineData("0a000001", false)]
    [InlineData("e00000fb", true)]
    [InlineData("ffffffff", true)]
    public void Should_know_what_goes_to_many(string destination, bool expected)
    {
        byte[] packet = [0x45, 0, 0, 20, .. new byte[12], .. Convert.FromHexString(destination)];
        Assert.True(InnerView.TryParse(packet, out InnerView view));
        Assert.Equal(expected, view.IsToMany(packet));
    }
}
