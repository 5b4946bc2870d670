using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>Three endpoints whose clients have the same address and port, and talk to the same server.</summary>
public sealed class OverlappingClientsSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private readonly List<EmulatorProcess> _emulators = [];
    private WebServer? _web;

    [Theory]
    [InlineData("create-nat-overlapping.sh", false)]
    [InlineData("create-nat-overlapping.sh", true)]
    [InlineData("create-overlapping-v4.sh", false)]
    [InlineData("create-nftables-nat.sh", false)]
    [InlineData("create-nftables-nat.sh", true)]
    public async Task Should_return_each_reply_to_its_own_endpoint(string script, bool v6)
    {
        var flows = new OverlappingFlows(Gwlb, Eni, v6);
        var server = Lab.AddServerBehindLeg(v6);
        Variables["HOOK_UPLINK"] = "leg";
        await StartAsync("-c", Artifacts.ExampleScript(script), "-r", Artifacts.ExampleScript(script));
        using var echo = new UdpServer(server, flows.All[0].Server, GwlbFlow.DefaultServerPort, question => question);
        await flows.ExchangeAsync();
    }

    /// <summary>A load balancer node for each of three VPCs; their clients all are 10.1.0.2 and fd01::2, and begin from the same port.</summary>
    [Theory]
    [InlineData("create-nat-overlapping.sh")]
    [InlineData("create-overlapping-v4.sh")]
    [InlineData("create-nftables-nat.sh")]
    public async Task Should_carry_each_clients_own_traffic(string script)
    {
        var sides = new ClientAndServer(Lab);
        NetworkNamespace[] clients = [sides.Client, Lab.AddNamespace("client2"), Lab.AddNamespace("client3")];
        Variables["HOOK_UPLINK"] = ClientAndServer.LegDevice;
        Gwlb.Dispose();
        var gwlbtun = await StartAsync("-c", Artifacts.ExampleScript(script), "-r", Artifacts.ExampleScript(script));
        foreach (var (index, client) in clients.Index())
        {
            var node = $"10.77.0.10{index}";
            Lab.Gwlb.AddAddress($"{node}/24", "uplink");
            _emulators.Add(await EmulatorProcess.BridgeAsync(Lab, client, client, "--local", node, "--eni", $"{Eni + (ulong)index:x16}"));
            ClientAndServer.AddressClient(client);
        }
        _web = await WebServer.StartAsync(sides.Server, Folder);

        foreach (var (index, address) in ClientAndServer.BehindTheSecondLeg.Take(script.Contains("v4", StringComparison.Ordinal) ? 1 : 2).Index())
        {
            foreach (var client in clients)
                client.Execute("ping", "-q", "-c", "3", "-i", "0.05", "-W", "60", address);
            // All from the same port; another one each time, for where the client has closed first its port is taken for a minute.
            await Task.WhenAll(clients.Select(client => _web.FetchAsync(client, address, "--local-port", $"{40_000 + index}")));
        }

        foreach (var emulator in _emulators)
            await emulator.StopAsync();
        await gwlbtun.StopAsync();
    }

    public override async Task DisposeAsync()
    {
        foreach (var emulator in _emulators)
            await emulator.Program.DisposeAsync(Output);
        if (_web is not null)
            await _web.Program.DisposeAsync(Output);
        await base.DisposeAsync();
    }
}
