using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>Many packets of many flows, none lost and none changed: the emulator compares each byte.</summary>
public sealed class BlastSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const string EverySize = "64:1,128:1,576:1,1280:1,1500:1,4000:1,8500:1";

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
        await MeetAsync(endpoints);
        // The emulator takes the load balancer's place.
        Gwlb.Dispose();
        string[] pace = arguments.Contains("--rate", StringComparison.Ordinal) ? [] : ["--window", "256"];
        var summary = await EmulatorProcess.BlastAsync(Lab, Folder, ["--enis", $"{endpoints}", .. arguments.Split(' '), .. pace, "--seconds", "3", "--max-loss", "0"]);
        Output.WriteLine($"{summary}");
        Assert.True(summary.GetProperty("returned").GetInt64() > 1000, $"{summary}");
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
        for (var n = 0; n < endpoints; n++)
            await Gwlb.ReceiveAsync();
    }
}
