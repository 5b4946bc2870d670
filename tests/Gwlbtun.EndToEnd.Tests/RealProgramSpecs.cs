using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>curl, iperf3 and ping through the load balancer, gwlbtun and each example script.</summary>
public sealed class RealProgramSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private EmulatorProcess? _emulator;
    private RealTraffic? _traffic;

    [Fact]
    public Task Should_carry_real_traffic_when_create_passthrough_is_the_hook() =>
        CarryAsync(new ClientAndServer(Lab), Passthrough, ClientAndServer.BehindTheLoadBalancer);

    [Fact]
    public Task Should_carry_real_traffic_when_create_route_sends_it_back()
    {
        Variables["HOOK_ROUTE"] = "back";
        return CarryAsync(new ClientAndServer(Lab), Artifacts.ExampleScript("create-route.sh"), ClientAndServer.BehindTheLoadBalancer);
    }

    [Fact]
    public Task Should_carry_real_traffic_when_create_route_knows_the_clients()
    {
        var sides = new ClientAndServer(Lab);
        Variables["HOOK_ROUTE"] = "clients";
        Variables["HOOK_CIDRS"] = $"{ClientAndServer.ClientNetwork4} {ClientAndServer.ClientNetwork6}";
        return CarryAsync(sides, Artifacts.ExampleScript("create-route.sh"), ClientAndServer.BehindTheSecondLeg, sides.AnswerThroughTheSecondLeg);
    }

    [Theory]
    [InlineData("create-nat.sh")]
    [InlineData("create-nftables-nat.sh")]
    public Task Should_carry_real_traffic_when_the_hook_is_nat(string script)
    {
        Variables["HOOK_UPLINK"] = ClientAndServer.LegDevice;
        return CarryAsync(new ClientAndServer(Lab), Artifacts.ExampleScript(script), ClientAndServer.BehindTheSecondLeg);
    }

    [Fact]
    public Task Should_answer_from_the_appliance_itself_when_create_local_is_the_hook()
    {
        var sides = new ClientAndServer(Lab);
        Lab.Appliance.AddAddress("10.2.0.2/32", "lo");
        Lab.Appliance.AddAddress("fd02::2/128", "lo");
        // As every host has.
        Lab.Appliance.Ip("-4", "route", "add", "default", "via", "198.51.100.2");
        Lab.Appliance.Ip("-6", "route", "add", "default", "via", "2001:db8:51::2");
        return CarryAsync(sides, Artifacts.ExampleScript("create-local.sh"), ClientAndServer.BehindTheLoadBalancer, server: Lab.Appliance);
    }

    public override async Task DisposeAsync()
    {
        if (_emulator is not null)
            await _emulator.Program.DisposeAsync(Output);
        if (_traffic is not null)
            await _traffic.DisposeAsync(Output);
        await base.DisposeAsync();
    }

    private async Task CarryAsync(ClientAndServer sides, string hook, IReadOnlyList<string> addresses, Action? afterAddressing = null, NetworkNamespace? server = null)
    {
        // The emulator takes the place of the test's own load balancer.
        Gwlb.Dispose();
        var gwlbtun = await StartAsync("-c", hook, "-r", hook);
        _emulator = await EmulatorProcess.BridgeAsync(Lab, sides.Client, sides.Server);
        sides.Address();
        afterAddressing?.Invoke();
        _traffic = await RealTraffic.StartAsync(sides.Client, server ?? sides.Server, Folder);
        await _traffic.CarryAsync(addresses);

        await _emulator.StopAsync();
        await gwlbtun.StopAsync();
        Assert.DoesNotContain("gwi-", Lab.Appliance.Execute("sh", "-c", "iptables-save; ip6tables-save; nft list ruleset; ip rule; ip -6 rule"), StringComparison.Ordinal);
    }
}
