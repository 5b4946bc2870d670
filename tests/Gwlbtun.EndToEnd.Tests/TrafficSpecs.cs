using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

[Collection(Alone.Name)]
public sealed class TrafficSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    public static TheoryData<bool, byte> Protocols => new()
    {
        { false, InnerPackets.Udp }, { false, InnerPackets.Tcp }, { false, InnerPackets.Icmp },
        { true, InnerPackets.Udp }, { true, InnerPackets.Tcp }, { true, InnerPackets.IcmpV6 },
    };

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Should_return_every_size_unchanged_when_the_hook_hands_it_back(bool v6, byte protocol)
    {
        await StartAsync("-c", Passthrough);
        var flow = new GwlbFlow(Eni, 1, v6, protocol);
        uint sequence = 0;
        foreach (var length in new[] { 64, 65, 128, 576, 1280, 1500, 4000, 8499, 8500 })
            await Gwlb.EchoAsync(flow, sequence++, length);
    }

    [Fact]
    public async Task Should_take_a_packet_larger_than_the_mtu_when_the_load_balancer_delivers_one()
    {
        await StartAsync("-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0, 8812);
    }

    [Fact]
    public async Task Should_keep_endpoints_and_flows_apart_when_there_are_50_of_them()
    {
        await StartAsync("-c", Passthrough);
        GwlbFlow[] flows = [.. Enumerable.Range(0, 500).Select(n => new GwlbFlow(Eni + (ulong)(n % 50), n, IsV6: n % 3 == 0))];
        for (uint sequence = 0; sequence < 4; sequence++)
        {
            var expected = flows.ToDictionary(flow => flow.Cookie, flow => (Flow: flow, Inner: flow.Packet(sequence)));
            foreach (var (flow, inner) in expected.Values)
                Gwlb.Send(flow, inner);
            while (expected.Count > 0)
            {
                var returned = await Gwlb.ReceiveAsync();
                Assert.True(expected.Remove(returned.Cookie, out var sent), $"cookie {returned.Cookie:x8} came back twice or was never sent");
                Assert.Null(returned.FaultAs(sent.Flow, sent.Inner));
            }
        }
    }

    [Fact]
    public async Task Should_answer_with_the_newest_cookie_when_a_5_tuple_is_reused()
    {
        await StartAsync("-c", Passthrough);
        var flow = new GwlbFlow(Eni, 1);
        await Gwlb.EchoAsync(flow, 0);
        await Gwlb.EchoAsync(flow with { Cookie = 0xC00C1E }, 1);
    }
}
