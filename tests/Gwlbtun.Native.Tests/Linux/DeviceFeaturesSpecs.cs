using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

/// <summary>What the kernel says that an interface offloads, beside what <c>ethtool -K</c> has set.</summary>
public sealed class DeviceFeaturesSpecs
{
    [Fact]
    public void Should_tell_whether_a_feature_is_on() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Shell("ip link add one type veth peer name two && ethtool -K one tx-udp-segmentation on && ethtool -K two tx-udp-segmentation off");

        Assert.True(DeviceFeatures.AreOn("one", DeviceFeatures.UdpSegmentation));
        Assert.False(DeviceFeatures.AreOn("two", DeviceFeatures.UdpSegmentation));
        // One in each block of 32.
        NetworkNamespace.Shell("ethtool -K one gro on rx-udp-gro-forwarding on && ethtool -K two gro off rx-udp-gro-forwarding off");
        foreach (var feature in (string[])["rx-gro", "rx-udp-gro-forwarding"])
        {
            Assert.True(DeviceFeatures.AreOn("one", feature), feature);
            Assert.False(DeviceFeatures.AreOn("two", feature), feature);
        }

        Assert.True(DeviceFeatures.AreOn("one", "rx-gro", DeviceFeatures.UdpSegmentation));
        Assert.False(DeviceFeatures.AreOn("two", DeviceFeatures.Checksums, DeviceFeatures.UdpSegmentation));
    });

    [Theory]
    [InlineData("one", "tx-no-such-thing")]
    [InlineData("nowhere", DeviceFeatures.UdpSegmentation)]
    [InlineData("an interface name that is longer than any", DeviceFeatures.UdpSegmentation)]
    public void Should_say_no_when_there_is_no_such_interface_or_feature(string device, string feature) => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Shell("ip link add one type veth peer name two");

        Assert.False(DeviceFeatures.AreOn(device, feature));
    });
}
