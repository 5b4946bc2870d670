using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Tests.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Offload;

public class OffloadProbeSpecs
{
    [Fact]
    public void Should_find_every_kind_of_super_packet_unharmed_on_a_kernel_that_has_them() => NetworkNamespace.Run(() =>
    {
        Assert.Equal(OffloadFeatures.All, OffloadProbe.Run(OffloadFeatures.All, out var problem));
        Assert.Null(problem);
        // Nothing stays behind.
        NetworkNamespace.Shell("! ip -o link | grep gwprobe");
    });

    [Fact]
    public void Should_try_no_more_than_is_wanted() => NetworkNamespace.Run(() =>
    {
        var wanted = new OffloadFeatures(MergeKinds.Tcp4, MergeKinds.Tcp6, Send: true);
        Assert.Equal(wanted, OffloadProbe.Run(wanted, out _));
        Assert.Equal(OffloadFeatures.None, OffloadProbe.Run(OffloadFeatures.None, out _));
    });
}
