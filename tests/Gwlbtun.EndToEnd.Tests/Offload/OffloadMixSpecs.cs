using System.Net;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Offload;

/// <summary>
/// Whatever is on and off, every packet comes back as it was sent. That each switch does what it says is seen by the kernel's counts of what crossed
/// the devices: a super-packet is one.
/// </summary>
/// <remarks>
/// The complete suite under a mix: gwlbtun inherits the environment of the tests, so <c>GWLBTUN_TUNNEL_OFFLOAD_SEND=off GWLBTUN_GENEVE_BATCH=512
/// ./test.sh EndToEnd</c> runs all of it so, but for the tests that are about such a variable themselves. A random mix is repeated with
/// <c>E2E_OFFLOAD_SEED</c>, which a failed test names.
/// </remarks>
[Collection(Alone.Name)]
public sealed class OffloadMixSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const string AllOff = "receive=off send=off join=off into-tcp=off into-udp=off out-of-tcp=off out-of-udp=off";

    private const int Endpoints = 3;
    private const int Packets = 8_000;

    // What is merged at all is merged by more than this.
    private const double Merged = 0.9;

    private static readonly IPAddress _otherNode = IPAddress.Parse("10.77.0.3");

    [Theory]
    [InlineData("batch=64", 1400, 1400)]
    [InlineData("batch=1", 64, 8400)]
    [InlineData("receive=off batch=512", 8400, 64)]
    [InlineData("send=off batch=512", 1400, 64)]
    [InlineData("join=off", 1400, 64)]
    [InlineData("out-of-tcp=off out-of-udp=off join=off", 64, 1400)]
    [InlineData("into-tcp=off", 1400, 8400)]
    [InlineData("into-udp=off batch=512", 8400, 1400)]
    [InlineData("out-of-tcp=off", 64, 1400)]
    [InlineData("out-of-udp=off", 1400, 8400)]
    [InlineData("fused=off batch=512", 64, 64)]
    [InlineData("steering=off", 8400, 8400)]
    [InlineData(AllOff, 1400, 1400)]
    public async Task Should_return_everything_as_it_was_sent(string mix, int tcpBytes, int udpBytes) =>
        await BlastAsync(OffloadMix.Parse(mix), tcpBytes, udpBytes);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Should_return_everything_as_it_was_sent_under_a_random_mix(int number)
    {
        var seed = Environment.GetEnvironmentVariable("E2E_OFFLOAD_SEED") is { Length: > 0 } wanted ? int.Parse(wanted) : Random.Shared.Next();
        var mix = OffloadMix.Of(seed);
        try
        {
            await BlastAsync(mix, 1400, number == 1 ? 64 : 1400);
        }
        catch (Exception failed)
        {
            throw new InvalidOperationException($"E2E_OFFLOAD_SEED={seed}: {mix}", failed);
        }
    }

    /// <summary>The packets that the appliance answers itself, and all other rare ones, among each other.</summary>
    [Theory]
    [InlineData("batch=64")]
    [InlineData(AllOff)]
    public async Task Should_return_errors_of_both_kinds_among_fragments_when_the_appliance_routes(string mix)
    {
        Lab.Appliance.AddAddress("2001:db8:77::2/64", "uplink");
        Lab.Appliance.Execute(
            "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=1000000", "net.ipv4.icmp_msgs_burst=100000", "net.ipv6.icmp.ratelimit=0");
        Variables["HOOK_ROUTE"] = "back";
        await StartAsync(OffloadMix.Parse(mix), Script("routed", $"""
            {Artifacts.ExampleScript("create-route.sh")} "$@" || exit
            ip -4 route add default dev "$3" && ip -6 route add default dev "$3"
            """), endpoints: 1);
        await BlastAsync(1, "--flows 64 --icmp-errors both --asymmetric --fragments ordered --ip-mix --allow Reordered");
    }

    [Theory]
    [InlineData("batch=512")]
    [InlineData(AllOff)]
    [InlineData("send=off fused=off steering=off")]
    public async Task Should_carry_iperf3(string mix)
    {
        var sides = new ClientAndServer(Lab);
        foreach (var (name, value) in OffloadMix.Parse(mix).Variables)
            Variables[name] = value;
        Gwlb.Dispose();
        _ = await StartAsync("-c", Passthrough);
        var emulator = await EmulatorProcess.BridgeAsync(Lab, sides.Client, sides.Server);
        await using var bridge = emulator.Program;
        sides.Address();
        foreach (var address in ClientAndServer.BehindTheLoadBalancer)
        {
            sides.Client.Execute("ping", "-q", "-c", "1", "-W", "60", address);
            Assert.True(await Iperf.SendTcpAsync(sides.Client, sides.Server, address, "20M") > 10_000_000);
            Assert.Equal(0, await Iperf.SendUdpAsync(sides.Client, sides.Server, address, "40M"));
        }

        await emulator.StopAsync();
    }

    private async Task BlastAsync(OffloadMix mix, int tcpBytes, int udpBytes)
    {
        Output.WriteLine($"{mix}");
        Gwlb.AddNode(_otherNode);
        await StartAsync(mix, Passthrough, Endpoints);
        await BlastAsync(mix, "tcp", tcpBytes);
        await BlastAsync(mix, "udp", udpBytes);
        // As in BlastSpecs, the order is not judged.
        await BlastAsync(
            Endpoints,
            $"--flows 192 --fragments shuffled --icmp-errors in --ip-options --cookie-churn 16 --churn-ports --asymmetric --node {_otherNode} --ip-mix --protocol udp,tcp,icmp --allow Reordered");
    }

    private async Task BlastAsync(OffloadMix mix, string protocol, int bytes)
    {
        var before = Crossings();
        var returned = await BlastAsync(Endpoints, $"--flows 48 --burst 40 --ip-mix --protocol {protocol} --size {bytes}");
        var (into, outOf, back) = Crossings();
        AssertMerged(mix.Merges(protocol), returned, into - before.Into, $"into the tunnel, {protocol}, {mix}");
        AssertMerged(mix.TakesMerged(protocol), returned, outOf - before.OutOf, $"out of the tunnel, {protocol}, {mix}");
        AssertMerged(mix.SendsMerged(protocol), returned, back - before.Back, $"back to the load balancer, {protocol}, {mix}");
    }

    private void AssertMerged(bool? isExpected, long packets, long crossings, string what)
    {
        Output.WriteLine($"{packets} packets as {crossings} {what}");
        if (isExpected is true)
            Assert.True(crossings < packets * Merged, $"{packets} packets went as {crossings} {what}");
        else if (isExpected is false)
            Assert.True(crossings >= packets, $"{packets} packets went as {crossings} {what}");
    }

    /// <summary>How much the kernel has seen cross each device.</summary>
    private (long Into, long OutOf, long Back) Crossings() =>
        (Lab.Delivered, Lab.Appliance.SentPackets("gwo-"), Lab.Appliance.SentPackets("uplink"));

    private async Task StartAsync(OffloadMix mix, string hook, int endpoints)
    {
        foreach (var (name, value) in mix.Variables)
            Variables[name] = value;
        _ = await StartAsync("-c", hook);
        // Has the devices of the emulator's endpoints built: what may wait for that is bounded.
        for (var n = 0; n < endpoints; n++)
        {
            var flow = new GwlbFlow(Eni + (ulong)n, n);
            Gwlb.Send(flow, flow.Packet(0));
        }
        await Lab.WaitForDeliveredAsync(endpoints);
        Gwlb.Dispose();
    }

    private async Task<long> BlastAsync(int endpoints, string arguments)
    {
        var summary = await EmulatorProcess.BlastAsync(
            Lab, Folder, ["--enis", $"{endpoints}", .. arguments.Split(' '), "--packets", $"{Packets}", "--window", "256", "--seconds", "60", "--max-loss", "0"]);
        Assert.Equal(0, summary.GetProperty("lost").GetInt64());
        var returned = summary.GetProperty("returned").GetInt64();
        Assert.True(returned >= Packets, $"{summary}");
        return returned;
    }
}
