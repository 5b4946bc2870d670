using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>A 5-tuple that is used again has a new cookie, and the load balancer drops what comes with the old one.</summary>
public sealed class CookieRefreshSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    [Theory]
    [InlineData(false, InnerPackets.Udp)]
    [InlineData(false, InnerPackets.Tcp)]
    [InlineData(false, InnerPackets.Icmp)]
    [InlineData(true, InnerPackets.Udp)]
    [InlineData(true, InnerPackets.Tcp)]
    [InlineData(true, InnerPackets.IcmpV6)]
    public async Task Should_answer_with_the_new_cookie_from_the_first_reply_on(bool v6, byte protocol)
    {
        var gwlbtun = await StartWithAsync(Sink);
        var flow = new GwlbFlow(Eni, 1, v6, protocol);
        for (uint round = 0; round < 5; round++)
        {
            var renewed = flow.Renewed(round);
            await LearnAsync((renewed, renewed.Packet(round)));
            await ReturnAsync(renewed, renewed.Reply(round));
            await ReturnAsync(renewed, renewed.Packet(round));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_not_answer_with_the_old_cookie_of_the_other_direction(bool v6)
    {
        Gwlb.AddNode(OtherNode);
        var gwlbtun = await StartWithAsync(Sink);
        var forward = new GwlbFlow(Eni, 1, v6);
        var backward = forward.Backward(OtherNode);
        await LearnAsync((forward, forward.Packet(0)), (backward, backward.Packet(0)));
        await ReturnAsync(backward, backward.Packet(1));

        // Begun anew by the client: what was known of the way back is of the old flow.
        var renewed = forward.Renewed();
        await LearnAsync((renewed, renewed.Packet(2)));
        await ReturnAsync(renewed, backward.Packet(3));
        // Until the server's own packets come by.
        var renewedBackward = backward.Renewed();
        await LearnAsync((renewedBackward, backward.Packet(4)));
        await ReturnAsync(renewedBackward, backward.Packet(5));
        await ReturnAsync(renewed, forward.Packet(5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_keep_flows_of_two_endpoints_apart_when_their_tuples_are_equal(bool v6)
    {
        var gwlbtun = await StartWithAsync(Sink);
        foreach (var protocol in new[] { InnerPackets.Udp, InnerPackets.Tcp, v6 ? InnerPackets.IcmpV6 : InnerPackets.Icmp })
        {
            var one = new GwlbFlow(Eni, 1, v6, protocol);
            var other = new GwlbFlow(Eni + 1, 1, v6, protocol).Renewed(900);
            await LearnAsync((one, one.Packet(0)), (other, other.Packet(0)));
            using var egress = new DeviceSocket(Lab.Appliance, OtherGwo);
            for (uint round = 1; round < 5; round++)
            {
                await ReturnAsync(one, one.Reply(round));
                await ReturnAsync(other, other.Reply(round), egress);
                // One endpoint's flow is begun anew; the other's is not touched by that.
                one = one.Renewed();
                await LearnAsync((one, one.Packet(round)));
            }
        }
    }
}
