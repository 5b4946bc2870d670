using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>Three endpoints whose clients have the same address and port, and talk to the same server.</summary>
public sealed class OverlappingClientsSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Theory]
    [InlineData("create-nat-overlapping.sh", false)]
    [InlineData("create-nat-overlapping.sh", true)]
    [InlineData("create-overlapping-v4.sh", false)]
    public async Task Should_return_each_reply_to_its_own_endpoint(string script, bool v6)
    {
        GwlbFlow[] flows = [.. Enumerable.Range(0, 3).Select(n => new GwlbFlow(Eni + (ulong)n, 1, v6) { Cookie = 0xC0_0000 + (uint)n })];
        var server = Lab.AddServerBehindLeg(v6);
        Variables["HOOK_UPLINK"] = "leg";
        await StartAsync("-c", Artifacts.ExampleScript(script), "-r", Artifacts.ExampleScript(script));
        using var echo = new UdpServer(server, flows[0].Server, GwlbFlow.DefaultServerPort, question => question);

        for (uint round = 0; round < 5; round++)
        {
            foreach (var flow in flows)
                Gwlb.Send(flow, flow.Packet(round * 10 + flow.Cookie % 10));
            var returned = new[] { await Gwlb.ReceiveAsync(), await Gwlb.ReceiveAsync(), await Gwlb.ReceiveAsync() };
            foreach (var flow in flows)
            {
                var mine = Assert.Single(returned, packet => packet.Cookie == flow.Cookie);
                Assert.Equal(round * 10 + flow.Cookie % 10, mine.Sequence);
                Assert.True(mine.Datagram.AsSpan().StartsWith(flow.GeneveHeader()));
            }
        }
    }
}
