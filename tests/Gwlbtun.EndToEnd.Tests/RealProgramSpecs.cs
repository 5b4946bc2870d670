using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>curl, iperf3 and ping through the load balancer, gwlbtun and each example script.</summary>
public sealed class RealProgramSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private readonly List<RunningProgram> _programs = [];

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
        foreach (var program in _programs)
            await program.DisposeAsync(Output);
        await base.DisposeAsync();
    }

    private async Task CarryAsync(ClientAndServer sides, string hook, IReadOnlyList<string> addresses, Action? afterAddressing = null, NetworkNamespace? server = null)
    {
        // The emulator takes the place of the test's own load balancer.
        Gwlb.Dispose();
        var gwlbtun = await StartAsync("-c", hook, "-r", hook);
        var emulator = await EmulatorProcess.BridgeAsync(Lab, sides.Client, sides.Server);
        _programs.Add(emulator.Program);
        sides.Address();
        afterAddressing?.Invoke();
        server ??= sides.Server;
        var web = await WebServer.StartAsync(server, Folder);
        _programs.Add(web.Program);

        foreach (var address in addresses)
        {
            sides.Client.Execute("ping", "-q", "-c", "5", "-i", "0.05", "-W", "5", "-s", "8400", "-M", "do", address);
            await web.FetchAsync(sides.Client, address);
            // Bound, because a UDP server that is not answers from whichever address the route has.
            await using var iperf = RunningProgram.Start(["ip", "netns", "exec", server.Name, "iperf3", "-s", "--forceflush", "-B", address]);
            await iperf.WaitForLineAsync("listening");
            Assert.True(Iperf(sides.Client, address, "sum_received").GetProperty("bytes").GetInt64() > 1_000_000);
            Assert.Equal(0, Iperf(sides.Client, address, "sum", "-u", "-b", "20M", "-l", "1400").GetProperty("lost_packets").GetInt32());
        }

        await emulator.StopAsync();
        await gwlbtun.StopAsync();
        Assert.DoesNotContain("gwi-", Lab.Appliance.Execute("sh", "-c", "iptables-save; ip6tables-save; nft list ruleset; ip rule; ip -6 rule"), StringComparison.Ordinal);
    }

    private static JsonElement Iperf(NetworkNamespace client, string address, string sum, params string[] arguments)
    {
        var report = client.Execute(["iperf3", "-J", "-c", address, "-t", "1", .. arguments]);
        return JsonDocument.Parse(report).RootElement.GetProperty("end").TryGetProperty(sum, out var found)
            ? found
            : throw new InvalidOperationException($"iperf3 has no {sum}: {report}");
    }
}
