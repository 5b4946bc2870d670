using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>An uplink whose queue is shorter than a burst of packets that return together, and that has room again within milliseconds.</summary>
[Collection(Alone.Name)]
public sealed class FullUplinkSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const int Burst = 64;

    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public async Task Should_lose_no_packet_of_a_burst_that_the_uplink_takes_only_bit_by_bit(string offloadSend)
    {
        var configuration = Path.Combine(Folder, "gwlbtun.conf");
        await File.WriteAllTextAsync(configuration, $"tunnel.offload.send = {offloadSend}");
        await StartAsync("--config", configuration, "-c", Passthrough);
        GwlbFlow[] flows = [.. Enumerable.Range(0, Burst).Select(n => new GwlbFlow(Eni, n) { Cookie = (uint)n })];
        // Some ten packets wait, and six more leave each millisecond.
        Lab.Appliance.Execute("tc", "qdisc", "add", "dev", "uplink", "root", "tbf", "rate", "25mbit", "burst", "6kb", "limit", "6kb");

        // Held while the hook runs, and delivered together after it.
        foreach (var flow in flows)
            Gwlb.Send(flow, flow.Packet(1, 400));
        var returned = new List<uint>();
        while (returned.Count < Burst)
            returned.Add((await Gwlb.ReceiveAsync()).Cookie);
        Assert.Equal(flows.Select(flow => flow.Cookie), returned.Order());
    }
}
