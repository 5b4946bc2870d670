using Gwlbtun.Actors.Gateway;
using Gwlbtun.Native.Linux;
using Xunit;

namespace Gwlbtun.Actors.Tests.Gateway;

public sealed class DataPlaneRelaySpecs
{
    [Fact]
    public void Should_say_once_what_is_lost_when_devices_refuse_steering()
    {
        var log = new CapturedLog();
        var relay = new DataPlaneRelay(new CapturedLoggers(log));

        relay.OnSteeringRefused(new LinuxError(LinuxError.EPERM));
        relay.OnSteeringRefused(new LinuxError(LinuxError.EPERM));

        var line = Assert.Single(log.Lines);
        Assert.StartsWith("Warning: Packets come back through whichever thread's queue", line, StringComparison.Ordinal);
        Assert.Contains("tunnel.steering): no eBPF program can be attached: EPERM (Operation not permitted)", line, StringComparison.Ordinal);
    }
}
