using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>A host on which somebody else translates what is forwarded: the Amazon VPC CNI does, on every node of EKS.</summary>
public sealed class TranslatingNodeSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const int Packets = 400;

    [Theory]
    [InlineData("create-route.sh")]
    [InlineData("create-local.sh")]
    [InlineData("create-suricata-nfqueue.sh")]
    public async Task Should_return_packets_with_their_own_addresses(string script)
    {
        // The load balancer is in the VPC, the packets' own addresses are not.
        Lab.Appliance.Execute(
            "iptables", "-w", "-t", "nat", "-A", "POSTROUTING", "!", "-d", "10.77.0.0/24",
            "-m", "addrtype", "!", "--dst-type", "LOCAL", "-j", "SNAT", "--to-source", $"{ApplianceLab.ApplianceAddress}", "--random-fully");
        Variables["HOOK_ROUTE"] = "back";
        await StartAsync("-c", Artifacts.ExampleScript(script));
        // Has the endpoint's devices built and its hook run; then the emulator takes the load balancer's place.
        var flow = new GwlbFlow(Eni, 0);
        Gwlb.Send(flow, flow.Packet(0));
        await Lab.WaitForDeliveredAsync(1);
        Gwlb.Dispose();

        var summary = await EmulatorProcess.BlastAsync(Lab, Folder, ["--flows", "8", "--packets", $"{Packets}", "--rate", "2000", "--seconds", "60", "--max-loss", "0"]);

        Assert.Equal(Packets, summary.GetProperty("returned").GetInt32());
    }
}
