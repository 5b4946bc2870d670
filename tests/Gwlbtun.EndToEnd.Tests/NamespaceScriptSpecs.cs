using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>Example scripts where each endpoint has a network namespace of its own, with clients of the same address and port on three of them.</summary>
public sealed class NamespaceScriptSpecs : ApplianceSpecs
{
    private const string Snapshot = """
        ip -o link | sed 's/@.*//'
        for v in -4 -6; do ip $v rule; ip $v route show table all | grep -v fe80; done
        for save in iptables-save ip6tables-save; do $save | grep ^-A; done
        true
        """;

    private readonly EndpointNamespaces _namespaces;

    public NamespaceScriptSpecs(ITestOutputHelper output)
        : base(output)
    {
        _namespaces = new EndpointNamespaces(Lab.Appliance);
        _namespaces.Configure(Variables);
        // Scripts switch it on, and leave it so.
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _namespaces.Clear();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_return_each_reply_to_its_own_endpoint_when_all_leave_by_one_uplink(bool v6)
    {
        var server = Lab.AddServerBehindLeg(v6);
        var flows = Flows(v6);
        var before = Snapshots();
        Variables["HOOK_UPLINK"] = "leg";
        var gwlbtun = await StartAsync("create-netns-nat.sh");
        using (new UdpServer(server, flows.All[0].Server, GwlbFlow.DefaultServerPort, question => question))
            await flows.ExchangeAsync();
        var created = Snapshots();
        Assert.DoesNotContain(created, line => line.Contains("mark", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(flows.All.Count, created.Count(line => line.Contains(": gwl-", StringComparison.Ordinal)));

        await gwlbtun.StopAsync();
        Assert.Equal(before, Snapshots());
        Assert.Empty(_namespaces.Names);
    }

    [Fact]
    public async Task Should_switch_forwarding_on_for_both_IP_versions_in_its_own_namespace()
    {
        var server = Lab.AddServerBehindLeg(v6: true);
        var flows = Flows(v6: true);
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0");
        Variables["HOOK_UPLINK"] = "leg";
        await StartAsync("create-netns-nat.sh");
        using (new UdpServer(server, flows.All[0].Server, GwlbFlow.DefaultServerPort, question => question))
            await flows.ExchangeAsync();
        Assert.Equal("1\n1\n", Lab.Appliance.Execute("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"));
    }

    [Fact]
    public async Task Should_serve_IPv4_where_the_host_has_IPv6_switched_off()
    {
        var server = Lab.AddServerBehindLeg(v6: false);
        var flows = Flows(v6: false);
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
        Variables["HOOK_UPLINK"] = "leg";
        await StartAsync("create-netns-nat.sh");
        using (new UdpServer(server, flows.All[0].Server, GwlbFlow.DefaultServerPort, question => question))
            await flows.ExchangeAsync();
    }

    [Fact]
    public async Task Should_serve_IPv6_where_new_interfaces_are_made_without_it()
    {
        var server = Lab.AddServerBehindLeg(v6: true);
        var flows = Flows(v6: true);
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
        Variables["HOOK_UPLINK"] = "leg";
        await StartAsync("create-netns-nat.sh");
        using (new UdpServer(server, flows.All[0].Server, GwlbFlow.DefaultServerPort, question => question))
            await flows.ExchangeAsync();
    }

    [Fact]
    public async Task Should_route_back_as_without_namespaces()
    {
        var before = Snapshots();
        Variables["HOOK_ROUTE"] = "back";
        var gwlbtun = await StartAsync("create-route.sh");
        foreach (var v6 in new[] { false, true })
            await Flows(v6).ExchangeAsync(isSamePacket: false);
        await gwlbtun.StopAsync();
        Assert.Equal(before, Snapshots());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Variables["HOOK_STATE_DIR"]));
    }

    private OverlappingFlows Flows(bool v6) => new(Gwlb, Eni, v6);

    private Task<GwlbtunProcess> StartAsync(string script) =>
        StartWrappedAsync(EndpointNamespaces.InTheMountsOfTheHost, "-c", Artifacts.ExampleScript(script), "-r", Artifacts.ExampleScript(script));

    private string[] Snapshots() => Lab.Appliance.Execute("bash", "-c", Snapshot).Split('\n');
}
