using System.Net;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>ICMP errors go back as part of the flow whose packet they quote, byte for byte as they were made.</summary>
public sealed class IcmpErrorSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const byte Unreachable4 = 3, SourceQuench = 4, Redirect = 5, TimeExceeded4 = 11, ParameterProblem4 = 12;
    private const byte Unreachable6 = 1, TooBig = 2, TimeExceeded6 = 3, ParameterProblem6 = 4;

    /// <summary>IP version, type of the error, protocol of the packet that it quotes.</summary>
    public static TheoryData<bool, byte[], byte> Errors
    {
        get
        {
            TheoryData<bool, byte[], byte> errors = [];
            foreach (var protocol in new[] { InnerPackets.Udp, InnerPackets.Tcp, InnerPackets.Icmp })
            {
                errors.Add(false, [Unreachable4, SourceQuench, Redirect, TimeExceeded4, ParameterProblem4], protocol);
                errors.Add(true, [Unreachable6, TooBig, TimeExceeded6, ParameterProblem6], protocol == InnerPackets.Icmp ? InnerPackets.IcmpV6 : protocol);
            }
            return errors;
        }
    }

    [Theory]
    [MemberData(nameof(Errors))]
    public async Task Should_match_an_error_through_the_packet_that_it_quotes(bool v6, byte[] types, byte protocol)
    {
        var gwlbtun = await StartWithAsync(Sink);
        GwlbFlow[] flows = [.. Enumerable.Range(1, 3).Select(n => SameHosts(n, v6, protocol))];
        if (protocol is InnerPackets.Icmp or InnerPackets.IcmpV6)
            flows = flows[..1]; // without ports there is one flow between two hosts
        await LearnAsync([.. flows.Select(flow => (flow, flow.Packet(0)))]);

        foreach (var flow in flows)
        {
            foreach (var type in types)
            {
                // About the client's packet, to the client; and about the server's, to the server.
                await ReturnAsync(flow, IcmpErrors.Build(Router(v6), type, flow.Packet(1)));
                await ReturnAsync(flow, IcmpErrors.Build(Router(v6), type, flow.Reply(1)));
            }
        }
    }

    [Theory]
    [InlineData(false, InnerPackets.Udp)]
    [InlineData(false, InnerPackets.Tcp)]
    [InlineData(true, InnerPackets.Udp)]
    [InlineData(true, InnerPackets.Tcp)]
    public async Task Should_match_an_error_that_quotes_no_more_than_the_ports(bool v6, byte protocol)
    {
        var gwlbtun = await StartWithAsync(Sink);
        GwlbFlow[] flows = [.. Enumerable.Range(1, 3).Select(n => SameHosts(n, v6, protocol))];
        await LearnAsync([.. flows.Select(flow => (flow, flow.Packet(0)))]);
        var header = v6 ? 40 : 20;
        foreach (var flow in flows)
        {
            // RFC 792: the IP header and 8 bytes.
            foreach (var quote in new[] { header + 8, header + 4 })
                await ReturnAsync(flow, IcmpErrors.Build(Router(v6), v6 ? TimeExceeded6 : TimeExceeded4, flow.Packet(1, 1400), quote));
        }

        Egress.Send(IcmpErrors.Build(Router(v6), v6 ? TimeExceeded6 : TimeExceeded4, flows[0].Packet(1), header + 3));
        Egress.Send(IcmpErrors.Build(Router(v6), v6 ? TimeExceeded6 : TimeExceeded4, flows[0].Packet(1), header - 1));
        await WaitForDropsAsync(gwlbtun, "noFlow", 2);
        AssertNothingReturned();
    }

    [Fact]
    public async Task Should_find_the_ports_of_a_quoted_packet_behind_options_and_extension_headers()
    {
        var gwlbtun = await StartWithAsync(Sink);
        foreach (var flow in new[] { SameHosts(1, v6: false, InnerPackets.Udp), SameHosts(2, v6: false, InnerPackets.Udp), SameHosts(1, v6: true, InnerPackets.Udp), SameHosts(2, v6: true, InnerPackets.Udp) })
        {
            await LearnAsync((flow, flow.Packet(0)));
            var quoted = flow.IsV6
                ? PacketShapes.WithExtensionHeaders(flow.Packet(1), PacketShapes.HopByHop, PacketShapes.DestinationOptions)
                : PacketShapes.WithOptions(flow.Packet(1), 10);
            var error = IcmpErrors.Build(Router(flow.IsV6), flow.IsV6 ? Unreachable6 : Unreachable4, quoted);
            await ReturnAsync(flow, error);
            // And the error's own.
            await ReturnAsync(flow, flow.IsV6 ? PacketShapes.WithExtensionHeaders(error, PacketShapes.DestinationOptions) : PacketShapes.WithOptions(error, 3));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_return_an_error_the_way_of_the_answers_to_what_it_quotes(bool v6)
    {
        Gwlb.AddNode(OtherNode);
        var gwlbtun = await StartWithAsync(Sink);
        var forward = new GwlbFlow(Eni, 1, v6);
        var backward = forward.Backward(OtherNode);
        await LearnAsync((forward, forward.Packet(0)), (backward, backward.Packet(0)));

        var type = v6 ? Unreachable6 : Unreachable4;
        await ReturnAsync(backward, IcmpErrors.Build(Router(v6), type, forward.Packet(1)));
        await ReturnAsync(forward, IcmpErrors.Build(Router(v6), type, backward.Packet(1)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_hand_back_an_error_that_the_load_balancer_sent_with_its_own_header(bool v6)
    {
        await StartWithAsync(Passthrough);
        var flow = new GwlbFlow(Eni, 1, v6);
        await EchoAsync(flow, flow.Packet(0));
        // From a router on the server's side: to the load balancer a flow of its own, by addresses and protocol.
        var asItsOwn = flow.Renewed(700) with { Client = Router(v6), Server = flow.Client };
        await EchoAsync(asItsOwn, IcmpErrors.Build(Router(v6), v6 ? TimeExceeded6 : TimeExceeded4, flow.Packet(1)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_match_an_error_about_a_fragment(bool v6)
    {
        var gwlbtun = await StartWithAsync(Sink);
        var flow = new GwlbFlow(Eni, 1, v6);
        var fragments = PacketShapes.Fragments(flow.Packet(1, 3000), 1200, 42);
        var later = flow.Renewed(300);
        await LearnAsync((flow, fragments[0]), (later, fragments[1]), (later, fragments[2]));

        var type = v6 ? TimeExceeded6 : TimeExceeded4;
        await ReturnAsync(flow, IcmpErrors.Build(Router(v6), type, fragments[0]));
        await ReturnAsync(later, IcmpErrors.Build(Router(v6), type, fragments[2]));
        // Of a fragment on its way out, which went by its first one's record.
        var reply = PacketShapes.Fragments(flow.Reply(1, 3000), 1200, 43);
        foreach (var fragment in reply)
            await ReturnAsync(flow, fragment);
        await ReturnAsync(flow, IcmpErrors.Build(Router(v6), type, reply[2]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_count_an_error_about_a_flow_that_is_not_known(bool v6)
    {
        var gwlbtun = await StartWithAsync(Sink);
        var flow = new GwlbFlow(Eni, 1, v6);
        await LearnAsync((flow, flow.Packet(0)));
        Egress.Send(IcmpErrors.Build(Router(v6), v6 ? TimeExceeded6 : TimeExceeded4, new GwlbFlow(Eni, 2, v6).Packet(1)));
        await WaitForDropsAsync(gwlbtun, "noFlow", 1);
        AssertNothingReturned();
    }

    private static IPAddress Router(bool v6) => IPAddress.Parse(v6 ? "2001:db8:99::1" : "192.0.2.1");

    /// <summary>Flows between the same two hosts, which only their ports tell apart.</summary>
    private static GwlbFlow SameHosts(int number, bool v6, byte protocol) =>
        new GwlbFlow(Eni, 1, v6, protocol).Renewed((uint)number) with { ClientPort = (ushort)(2000 + number) };
}
