using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Wire;

public class NamespacePatternSpecs
{
    private const ulong Eni = 0x0b8ee1d4db0c51c0;

    [Theory]
    [InlineData("gwlb-{vpce}", "gwlb-vpce-00b8ee1d4db0c51c0")]
    [InlineData("{eni}.x", "00b8ee1d4db0c51c0.x")]
    [InlineData("n_{name}{name}", "n_1mCyRrMGsrI1mCyRrMGsrI")]
    public void Should_put_the_endpoint_into_the_name(string text, string name)
    {
        Assert.True(NamespacePattern.TryParse(text, out var pattern));
        Assert.Equal(name, pattern.NameOf(Eni));
    }

    [Theory]
    [InlineData("")]
    [InlineData("gwlb")]
    [InlineData("gwlb/{eni}")]
    [InlineData("gwlb {eni}")]
    [InlineData("gwlb-{ENI}")]
    [InlineData("-{eni}")]
    [InlineData(".{eni}")]
    [InlineData("{eni}\n")]
    [InlineData("{eni}é")]
    [InlineData("{eni}{other}")]
    public void Should_refuse_what_makes_no_name_or_the_same_for_all(string text) => Assert.False(NamespacePattern.TryParse(text, out _));

    [Fact]
    public void Should_refuse_what_is_longer_than_a_file_name()
    {
        Assert.True(NamespacePattern.TryParse(new string('x', 255 - 17) + "{eni}", out _));
        Assert.False(NamespacePattern.TryParse(new string('x', 256 - 17) + "{eni}", out _));
    }
}
