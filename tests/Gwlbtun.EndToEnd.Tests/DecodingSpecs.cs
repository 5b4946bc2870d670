using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

public sealed class DecodingSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Fact]
    public async Task Should_send_back_geneve_that_tshark_finds_nothing_wrong_with()
    {
        const int Packets = 12;
        var capture = Path.Combine(Folder, "capture.pcap");
        await using var tcpdump = RunningProgram.Start(
            ["ip", "netns", "exec", Lab.Gwlb.Name, "tcpdump", "-Z", "root", "-ni", "uplink", "-U", "-c", $"{2 * Packets}", "-w", capture, "udp", "port", "6081"]);
        await tcpdump.WaitForLineAsync("listening on");
        await StartAsync("-c", Passthrough);
        for (var n = 0; n < Packets; n++)
            await Gwlb.EchoAsync(new GwlbFlow(Eni, n, IsV6: n % 2 == 1), 0, 200 + 700 * n);
        Assert.Equal(0, await tcpdump.WaitForExitAsync());

        var decoded = Decode(capture, "ip.src", "udp.srcport", "udp.dstport", "ip.ttl", "ip.flags.df", "ip.checksum.status", "geneve.options", "frame.len");
        Assert.Equal(2 * Packets, decoded.Length);
        var sent = decoded.Where(packet => packet[0] == $"{ApplianceLab.GwlbAddress}").ToArray();
        var returned = decoded.Where(packet => packet[0] == $"{ApplianceLab.ApplianceAddress}").ToArray();
        for (var n = 0; n < Packets; n++)
        {
            Assert.Equal(sent[n][1], returned[n][1]);
            Assert.Equal("6081", returned[n][2]);
            Assert.Equal(("64", "1"), (returned[n][3], returned[n][4]));
            Assert.Equal(sent[n][6], returned[n][6]);
            Assert.Equal(sent[n][7], returned[n][7]);
        }
        // Wireshark's word for a good checksum is 1; the load balancer's own kernel leaves none of its to the device.
        Assert.All(returned, packet => Assert.Equal("1", packet[5]));
        Assert.Empty(Command.Run("tshark", "-r", capture, "-Y", "_ws.malformed || _ws.expert.severity >= 0x600000").Trim());
    }

    private static string[][] Decode(string capture, params string[] fields)
    {
        string[] arguments = ["-r", capture, "-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=;", "-E", "occurrence=f", .. fields.SelectMany(field => new[] { "-e", field })];
        return [.. Command.Run(["tshark", .. arguments]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(';'))];
    }
}
