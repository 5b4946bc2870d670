using System.Globalization;
using CsCheck;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Wire;

public class EniNameSpecs
{
    [Theory]
    [InlineData(0x0b8ee1d4db0c51c0ul, "1mCyRrMGsrI")]
    [InlineData(ulong.MaxValue, "uur953OEv0f")]
    [InlineData(0ul, "0")]
    [InlineData(59ul, "X")]
    [InlineData(60ul, "10")]
    public void Should_write_base_60_as_the_handlers_before_did(ulong eniId, string expected)
    {
        Assert.Equal(expected, EniName.Base60(eniId));
        Assert.Equal("gwi-" + expected, EniName.IngressDevice(eniId));
        Assert.Equal("gwo-" + expected, EniName.EgressDevice(eniId));
    }

    [Fact]
    public void Should_write_17_hexadecimal_digits()
    {
        Assert.Equal("00b8ee1d4db0c51c0", EniName.Hex17(0x0b8ee1d4db0c51c0));
        Assert.Equal("0ffffffffffffffff", EniName.Hex17(ulong.MaxValue));
        Assert.Equal("vpce-00000000000000001", EniName.VpceId(1));
    }

    [Fact]
    public void Should_give_each_ID_a_device_name_of_its_own_that_the_kernel_takes() =>
        Gen.ULong.Sample(eniId =>
        {
            string name = EniName.IngressDevice(eniId);
            ulong back = 0;
            foreach (char digit in name[4..])
                back = back * 60 + (ulong)(char.IsAsciiDigit(digit) ? digit - '0' : char.IsAsciiLetterLower(digit) ? digit - 'a' + 10 : digit - 'A' + 36);
            return name.Length <= 15 && back == eniId && ulong.Parse(EniName.Hex17(eniId), NumberStyles.HexNumber, CultureInfo.InvariantCulture) == eniId;
        });
}
