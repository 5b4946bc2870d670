using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public class SettingTypesSpecs
{
    private static readonly SettingType<TimeSpan> _duration = SettingTypes.Duration(TimeSpan.Zero, TimeSpan.FromDays(365));
    private static readonly SettingType<long> _size = SettingTypes.Size(0, 1L << 40);

    [Theory]
    [InlineData("350s", 350_000)]
    [InlineData("120", 120_000)]
    [InlineData("0", 0)]
    [InlineData("0s", 0)]
    [InlineData("200ms", 200)]
    [InlineData("200 ms", 200)]
    [InlineData("1.5s", 1_500)]
    [InlineData("2m", 120_000)]
    [InlineData("2 minutes", 120_000)]
    [InlineData("1 second", 1_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("1 day", 86_400_000)]
    [InlineData("2000us", 2)]
    [InlineData("3000000 ns", 3)]
    public void Should_read_durations(string text, double milliseconds)
    {
        Assert.True(_duration.Read(Scalar(text), out TimeSpan value, out string? error), error);
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1x")]
    [InlineData("1 s s")]
    [InlineData("1,5s")]
    [InlineData("infinite")]
    [InlineData("366d")]
    [InlineData("99999999999999999999d")]
    [InlineData("1e400")]
    [InlineData("NaN")]
    public void Should_refuse_what_is_no_duration(string text)
    {
        Assert.False(_duration.Read(Scalar(text), out _, out string? error));
        Assert.Equal($"'{text}' is not a duration from 0s to 365d such as 350s, 2m or 120 (seconds).", error);
    }

    [Theory]
    [InlineData("4096", 4096)]
    [InlineData("128 MiB", 134217728)]
    [InlineData("128MiB", 134217728)]
    [InlineData("128 M", 134217728)]
    [InlineData("128Mi", 134217728)]
    [InlineData("128m", 134217728)]
    [InlineData("128 MB", 128_000_000)]
    [InlineData("64K", 65536)]
    [InlineData("64k", 65536)]
    [InlineData("64 KiB", 65536)]
    [InlineData("64 kB", 64_000)]
    [InlineData("1G", 1L << 30)]
    [InlineData("1 GiB", 1L << 30)]
    [InlineData("1 GB", 1_000_000_000)]
    [InlineData("10 B", 10)]
    [InlineData("10b", 10)]
    [InlineData("0.5 MiB", 524288)]
    public void Should_read_sizes(string text, long bytes)
    {
        Assert.True(_size.Read(Scalar(text), out long value, out string? error), error);
        Assert.Equal(bytes, value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("MiB")]
    [InlineData("-1 MiB")]
    [InlineData("1 mebibyte")]
    [InlineData("1 TiB x")]
    [InlineData("99999999999 GiB")]
    [InlineData("79228162514264337593543950335 GiB")]
    [InlineData("1 Mib")]
    public void Should_refuse_what_is_no_size(string text) => Assert.False(_size.Read(Scalar(text), out _, out _));

    [Theory]
    [InlineData("on", true)]
    [InlineData("true", true)]
    [InlineData("yes", true)]
    [InlineData("off", false)]
    [InlineData("false", false)]
    [InlineData("no", false)]
    public void Should_read_switches(string text, bool expected)
    {
        Assert.True(SettingTypes.Switch.Read(Scalar(text), out bool value, out _));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("")]
    [InlineData("maybe")]
    public void Should_refuse_what_is_no_switch(string text) => Assert.False(SettingTypes.Switch.Read(Scalar(text), out _, out _));

    [Theory]
    [InlineData("10.0.0.1", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("10.1", false)]
    [InlineData("1", false)]
    [InlineData("::1", false)]
    [InlineData("localhost", false)]
    public void Should_take_ipv4_addresses_alone(string text, bool expected) =>
        Assert.Equal(expected, SettingTypes.IPv4Address.Read(Scalar(text), out _, out _));

    [Theory]
    [InlineData("1-2,4,7-8", new[] { 1, 2, 4, 7, 8 })]
    [InlineData("0", new[] { 0 })]
    [InlineData("3,1,1", new[] { 3, 1, 1 })]
    [InlineData(" 1 - 2 , 4 ,", new[] { 1, 2, 4 })]
    [InlineData("", new int[0])]
    public void Should_read_core_lists(string text, int[] expected)
    {
        Assert.True(CoreList.TryParse(text, out IReadOnlyList<int> cores));
        Assert.Equal(expected, cores);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("1-")]
    [InlineData("-1")]
    [InlineData("1-2-3")]
    [InlineData("3-1")]
    [InlineData("1;2")]
    [InlineData("1x")]
    [InlineData(",")]
    [InlineData("0-99999999")]
    public void Should_refuse_what_is_no_core_list(string text) => Assert.False(CoreList.TryParse(text, out _));

    [Fact]
    public void Should_write_core_lists_with_ranges() => Assert.Equal("0-2,5,7-8", CoreList.Format([8, 0, 1, 2, 5, 7, 2]));

    [Theory]
    [InlineData("1,2,3,4,5,6", null)]
    [InlineData("vpce-0b8ee1d4db0c51c0:1,2,3,4,5,6", 0x0b8ee1d4db0c51c0ul)]
    [InlineData("vpce-00b8ee1d4db0c51c0:1,2,3,4,5,6", 0x0b8ee1d4db0c51c0ul)]
    [InlineData("eni-b8ee1d4db0c51c0: 1, 2, 3, 4, 5, 6", 0x0b8ee1d4db0c51c0ul)]
    [InlineData("B8EE1D4DB0C51C0:1,2,3,4,5,6", 0x0b8ee1d4db0c51c0ul)]
    public void Should_read_reservations(string text, ulong? eniId)
    {
        Assert.True(FlowReservation.TryParse(text, out FlowReservation? reservation));
        Assert.Equal(new FlowReservation(eniId, 1, 2, 3, 4, 5, 6), reservation);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1,2,3,4,5")]
    [InlineData("1,2,3,4,5,6,7")]
    [InlineData("1,2,3,4,5,x")]
    [InlineData("1,2,3,4,5,-6")]
    [InlineData("1,2,3,4,5,9999999999")]
    [InlineData("vpce-:1,2,3,4,5,6")]
    [InlineData(":1,2,3,4,5,6")]
    [InlineData("vpce-xyz:1,2,3,4,5,6")]
    [InlineData("vpce-10b8ee1d4db0c51c0:1,2,3,4,5,6")]
    public void Should_refuse_what_is_no_reservation(string text) => Assert.False(FlowReservation.TryParse(text, out _));

    private static HoconScalar Scalar(string text) => new(text, SettingOrigin.BuiltIn.Instance);
}
