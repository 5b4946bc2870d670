using System.Net;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>"Unreachable", as a server, the appliance's routing table and its firewall say it, goes back with the header of the flow that it is about.</summary>
public sealed class UnreachableSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const ushort Rejected = 5003;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_return_what_a_server_a_route_or_a_firewall_refuses(bool v6)
    {
        var (clients, appliance) = v6 ? ("fd00::/64", "fd01::ff") : ("10.100.0.0/16", "172.16.0.254");
        Lab.AddServerBehindLeg(v6).Ip("route", "add", clients, "via", appliance);
        // The way back to the clients is the host's matter.
        await StartWithAsync(Script("routed", $"""
            {Artifacts.ExampleScript("create-route.sh")} "$@" || exit
            [ "$1" = CREATE ] || exit 0
            ip route add {clients} dev "$3"
            """));
        var server = new GwlbFlow(Eni, 1, v6).Server;
        var nowhere = IPAddress.Parse(v6 ? "fd01::99" : "172.16.0.99");
        Lab.Appliance.Ip("route", "add", "unreachable", $"{nowhere}");
        Lab.Appliance.Execute(v6 ? "ip6tables" : "iptables", "-w", "-A", "FORWARD", "-p", "udp", "--dport", $"{Rejected}", "-j", "REJECT");

        for (var n = 1; n <= 4; n++)
        {
            // No service, no host, no permission. ICMP: RFC 792 and 1122; ICMPv6: RFC 4443.
            await RefusedAsync(new GwlbFlow(Eni, n, v6), v6 ? (1, 4) : (3, 3));
            await RefusedAsync(new GwlbFlow(Eni, n, v6) with { Server = nowhere }, v6 ? (1, 0) : (3, 1));
            await RefusedAsync(new GwlbFlow(Eni, n, v6) with { Server = server, ServerPort = Rejected }, v6 ? (1, 4) : (3, 3));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_return_what_a_server_behind_nat_refuses(bool v6)
    {
        _ = await StartNatAsync(v6);
        for (var n = 1; n <= 4; n++)
            await RefusedAsync(new GwlbFlow(Eni, n, v6), v6 ? (1, 4) : (3, 3));
    }

    /// <summary>Sends a flow's packet, and asserts that an error about it comes back, as part of its flow.</summary>
    private async Task RefusedAsync(GwlbFlow flow, (int Type, int Code) expected)
    {
        var packet = flow.Packet(1);
        Gwlb.Send(flow, packet);
        var returned = await Gwlb.ReceiveAsync();
        Assert.Null(returned.FaultAs(flow, returned.Inner));
        var (header, addresses) = flow.IsV6 ? (40, 8) : (20, 12);
        var icmp = returned.Inner[header..].ToArray();
        Assert.Equal(expected, ((int)icmp[0], (int)icmp[1]));
        // The quote: addresses and ports of the packet as the client sent it.
        Assert.Equal(packet[addresses..(header + 4)], icmp[(8 + addresses)..(8 + header + 4)]);
    }
}
