using Gwlbtun.Actors.Gateway;
using Gwlbtun.Actors.Tests.Configuration;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Matching;
using Xunit;

namespace Gwlbtun.Actors.Tests.Gateway;

public class DataPlaneSettingsSpecs
{
    [Fact]
    public void Should_have_the_defaults_of_the_data_plane_itself()
    {
        DataPlaneOptions options = Decide.Settings("").ToDataPlane();

        Assert.Equal(new FlowTableOptions(), options.Flows);
        Assert.Equal(new FragmentOptions(), options.Fragments);
        Assert.Equal((2_000_000, 4096), (options.MaxTotalFlows, options.QueueLength));
    }

    [Fact]
    public void Should_carry_the_bounds_of_flows_fragments_and_queues_over()
    {
        DataPlaneOptions options = Decide.SettingsOfFile("""
            tunnel.queue-length = 512
            flows {
              idle-timeout { tcp = 4s, udp = 5s, other = 6s }, tcp-closing-timeout = 3s, max-per-eni = 70, max-total = 80, prefetch = off
              fragments { max-per-eni = 9, timeout = 2s, wait = 1s }
            }
            """).ToDataPlane();

        Assert.Equal(
            new FlowTableOptions
            {
                MaxFlows = 70,
                TcpIdle = TimeSpan.FromSeconds(4),
                UdpIdle = TimeSpan.FromSeconds(5),
                OtherIdle = TimeSpan.FromSeconds(6),
                TcpClosing = TimeSpan.FromSeconds(3),
                Prefetches = false,
            },
            options.Flows);
        Assert.Equal(new FragmentOptions { MaxRecords = 9, Timeout = TimeSpan.FromSeconds(2), Wait = TimeSpan.FromSeconds(1) }, options.Fragments);
        Assert.Equal((80, 512), (options.MaxTotalFlows, options.QueueLength));
    }

    [Fact]
    public void Should_give_one_endpoint_no_more_flows_than_all_may_have() =>
        Assert.Equal(50, Decide.SettingsOfFile("flows { max-per-eni = 70, max-total = 50 }").ToDataPlane().Flows.MaxFlows);
}
