using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Tests.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

public sealed class RouteNetlinkSpecs
{
    [Fact]
    public void Should_say_whether_an_interface_is_up_when_it_comes_and_goes() => NetworkNamespace.Run(() =>
    {
        using var device = TunDevice.Create("gwi-up", queues: 1);
        Assert.False(RouteNetlink.IsUp(device.InterfaceIndex));

        RouteNetlink.BringUp(device.InterfaceIndex, mtu: 8500, queueLength: 500);
        Assert.True(RouteNetlink.IsUp(device.InterfaceIndex));

        NetworkNamespace.Shell("ip link del gwi-up");
        Assert.False(RouteNetlink.IsUp(device.InterfaceIndex));
    });
}
