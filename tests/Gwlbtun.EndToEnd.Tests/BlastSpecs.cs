using System.Net;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>Many packets of many flows, none lost and none changed: the emulator compares each byte.</summary>
[Collection(Alone.Name)]
public sealed class BlastSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    // Enough for each of the flows, in all cases.
    private const int Packets = 60_000;
    private const string EverySize = "64:1,128:1,576:1,1280:1,1500:1,4000:1,8500:1";

    private static readonly IPAddress _otherNode = IPAddress.Parse("10.77.0.3");

    [Theory]
    [InlineData(1, "--flows 64 --size 64")]
    [InlineData(1, "--flows 64 --size 128 --rate 20000")]
    [InlineData(1, "--flows 64 --size 1400 --protocol tcp --burst 40")]
    [InlineData(1, "--flows 64 --size 1400 --protocol tcp --burst 40 --ipv6")]
    [InlineData(1, "--flows 59000 --size 256 --ip-mix")]
    [InlineData(50, "--flows 500 --ip-mix --protocol udp,tcp,icmp --size-mix " + EverySize)]
    [InlineData(50, "--flows 59000 --size 8500")]
    public async Task Should_return_every_packet_unchanged_in_a_closed_loop_or_at_a_fixed_rate(int endpoints, string arguments)
    {
        await StartAsync("-c", Passthrough);
        await BlastAsync(endpoints, arguments);
    }

    /// <summary>
    /// The rarer kinds of packets by themselves, and together: from two nodes, over both IP versions and every protocol. The order is not
    /// judged: on a busy machine a thread moves to another core, and its next packets may overtake those that the first core has queued.
    /// </summary>
    [Theory]
    [InlineData(1, "--flows 64 --fragments ordered")]
    [InlineData(1, "--flows 64 --fragments shuffled --asymmetric")]
    [InlineData(1, "--flows 64 --ip-options --asymmetric")]
    [InlineData(1, "--flows 64 --cookie-churn 4 --churn-ports")]
    [InlineData(1, "--flows 64 --icmp-errors in")]
    [InlineData(20, "--flows 500 --fragments shuffled --ip-options --icmp-errors in --cookie-churn 16")]
    [InlineData(20, "--flows 500 --fragments shuffled --ip-options --icmp-errors in --asymmetric")]
    public async Task Should_return_fragments_options_errors_and_renewed_flows_with_their_own_headers(int endpoints, string arguments)
    {
        Gwlb.AddNode(_otherNode);
        await StartAsync("-c", Passthrough);
        await BlastAsync(endpoints, $"{arguments} --node {_otherNode} --ip-mix --protocol udp,tcp,icmp --allow Reordered");
    }

    [Theory]
    [InlineData("")]
    [InlineData("--asymmetric --fragments ordered --fragment-size 1400 --size-mix 3000:1,200:1")]
    public async Task Should_return_errors_of_the_appliance_itself_with_the_header_of_what_they_are_about(string arguments)
    {
        // An appliance that routes everything back, and says so when it cannot: as often as it has to.
        Lab.Appliance.AddAddress("2001:db8:77::2/64", "uplink");
        Lab.Appliance.Execute(
            "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=1000000", "net.ipv4.icmp_msgs_burst=100000", "net.ipv6.icmp.ratelimit=0");
        Variables["HOOK_ROUTE"] = "back";
        await StartAsync("-c", Script("routed", $"""
            {Artifacts.ExampleScript("create-route.sh")} "$@" || exit
            ip -4 route add default dev "$3" && ip -6 route add default dev "$3"
            """));
        await BlastAsync(1, $"--flows 64 --icmp-errors originated --ip-mix {arguments}".TrimEnd());
    }

    private async Task BlastAsync(int endpoints, string arguments)
    {
        await MeetAsync(endpoints);
        // The emulator takes the load balancer's place.
        Gwlb.Dispose();
        string[] pace = arguments.Contains("--rate", StringComparison.Ordinal) ? [] : ["--window", "256"];
        var summary = await EmulatorProcess.BlastAsync(Lab, Folder, ["--enis", $"{endpoints}", .. arguments.Split(' '), .. pace, "--packets", $"{Packets}", "--seconds", "60", "--max-loss", "0"]);
        Output.WriteLine($"{summary}");
        Assert.True(summary.GetProperty("returned").GetInt64() >= Packets, $"{summary}");
        Assert.Equal(0, summary.GetProperty("lost").GetInt64());
    }

    /// <summary>Has the devices of the emulator's endpoints built and their hooks run: what may wait for that is bounded.</summary>
    private async Task MeetAsync(int endpoints)
    {
        for (var n = 0; n < endpoints; n++)
        {
            var flow = new GwlbFlow(Eni + (ulong)n, n);
            Gwlb.Send(flow, flow.Packet(0));
        }
        await Lab.WaitForDeliveredAsync(endpoints);
    }
}
