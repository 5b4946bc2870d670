using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>The load balancer sends the two directions of a flow from different nodes, with different ports, cookies and attachment IDs.</summary>
public sealed class DirectionSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const int Flows = 20;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        Gwlb.AddNode(OtherNode);
    }

    [Theory]
    [InlineData(false, InnerPackets.Udp)]
    [InlineData(false, InnerPackets.Tcp)]
    [InlineData(false, InnerPackets.Icmp)]
    [InlineData(true, InnerPackets.Udp)]
    [InlineData(true, InnerPackets.Tcp)]
    [InlineData(true, InnerPackets.IcmpV6)]
    public async Task Should_return_each_direction_with_its_own_header_when_the_appliance_is_transparent(bool v6, byte protocol)
    {
        await StartWithAsync(Passthrough);
        var forward = Enumerable.Range(0, Flows).Select(n => new GwlbFlow(Eni, n, v6, protocol)).ToArray();
        var backward = forward.Select(flow => flow.Backward(OtherNode)).ToArray();
        for (uint round = 0; round < 5; round++)
        {
            foreach (var flow in forward.Concat(backward))
                await EchoAsync(flow, flow.Packet(round));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_fall_back_on_the_other_directions_header_until_its_own_comes(bool v6)
    {
        var gwlbtun = await StartWithAsync(Sink);
        var forward = new GwlbFlow(Eni, 1, v6);
        var backward = forward.Backward(OtherNode);
        await LearnAsync((forward, forward.Packet(0)));
        await ReturnAsync(forward, forward.Packet(1));
        await ReturnAsync(forward, backward.Packet(1));

        await LearnAsync((backward, backward.Packet(2)));
        await ReturnAsync(forward, forward.Packet(3));
        await ReturnAsync(backward, backward.Packet(3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_answer_with_the_header_of_the_question_when_the_service_is_local(bool v6)
    {
        await StartLocalServiceAsync(v6);
        await AskAsync(Lab.Appliance, v6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_answer_with_the_header_of_the_question_when_it_goes_through_nat(bool v6)
    {
        await AskAsync(await StartNatAsync(v6), v6);
    }

    /// <summary>Flows from two nodes, and from the other one when the load balancer begins them anew.</summary>
    private async Task AskAsync(NetworkNamespace network, bool v6)
    {
        var flows = Enumerable.Range(0, Flows).Select(n => new GwlbFlow(Eni, n, v6) with { Node = n % 2 == 0 ? ApplianceLab.GwlbAddress : OtherNode }).ToArray();
        var moved = flows.Select(flow => flow.Renewed() with { Node = flow.Node.Equals(OtherNode) ? ApplianceLab.GwlbAddress : OtherNode }).ToArray();
        using var server = new UdpServer(network, flows[0].Server, GwlbFlow.DefaultServerPort, question => question);
        uint sequence = 0;
        foreach (var flow in flows.Concat(flows).Concat(moved).Concat(moved))
        {
            Gwlb.Send(flow, flow.Packet(++sequence));
            var answer = await Gwlb.ReceiveAsync();
            // The kernel writes another IP header than the test would: its own identification and TTL.
            Assert.Null(answer.FaultAs(flow, answer.Inner));
            Assert.Equal(Payload(flow.Reply(sequence)), Payload(answer.Inner.ToArray()));
        }

        byte[] Payload(byte[] packet) => packet[(v6 ? 40 : 20)..];
    }
}
