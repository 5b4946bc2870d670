using System.Net;
using CsCheck;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Wire;

public class OuterHeaderSpecs
{
    [Fact]
    public void Should_write_IPv4_and_UDP()
    {
        byte[] bytes = new byte[28];
        OuterHeader.Write(bytes, InMemory("10.77.0.2"), InMemory("10.77.0.1"), 20001, 6081, 100);
        Assert.Equal(
            "4500008000004000401125d1" + "0a4d0002" + "0a4d0001" + "4e2117c1006c0000",
            Convert.ToHexStringLower(bytes));
    }

    [Fact]
    public void Should_write_a_valid_IPv4_checksum_and_nothing_beyond_the_headers() =>
        Gen.Select(Gen.UInt, Gen.UInt, Gen.UShort, Gen.UShort, Gen.Int[0, 65_507]).Sample((source, destination, sourcePort, destinationPort, length) =>
        {
            byte[] bytes = new byte[OuterHeader.Length + 1];
            Array.Fill(bytes, (byte)0xEE);
            OuterHeader.Write(bytes, source, destination, sourcePort, destinationPort, length);
            return InternetChecksum.Compute(bytes.AsSpan(0, 20)) == 0
                && BitConverter.ToUInt32(bytes, 12) == source
                && BitConverter.ToUInt32(bytes, 16) == destination
                && (bytes[2] << 8 | bytes[3]) == length + 28
                && (bytes[24] << 8 | bytes[25]) == length + 8
                && (bytes[20] << 8 | bytes[21]) == sourcePort
                && (bytes[22] << 8 | bytes[23]) == destinationPort
                && bytes[^1] == 0xEE;
        });

    private static uint InMemory(string address) => BitConverter.ToUInt32(IPAddress.Parse(address).GetAddressBytes());
}
