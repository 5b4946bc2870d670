using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Blasting.Cases;
using Gwlbtun.Emulator.LoadBalancing;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

/// <summary>An outside opinion: tshark decodes what the emulator sends, field by field, and finds every checksum good.</summary>
public class TsharkSpecs
{
    private const int Captured = 90;
    private const ulong EndpointBase = 0x0b8ee1d4db0c51c0;

    private static readonly string[] _fields =
    [
        "ip.src", "ip.dst", "ip.flags.df", "ip.checksum.status", "udp.srcport", "udp.dstport", "udp.checksum.status", "tcp.srcport", "tcp.checksum.status", "icmp.checksum.status",
        "icmpv6.checksum.status", "ipv6.src", "ipv6.dst", "geneve.version", "geneve.flags", "geneve.proto_type", "geneve.vni", "geneve.option.class",
        "geneve.option.type", "geneve.option.length", "geneve.option.unknown.data", "frame.len", "_ws.malformed", "_ws.expert.severity",
    ];

    private static readonly string[] _caseFields =
    [
        "ip.checksum.status", "udp.checksum.status", "tcp.checksum.status", "icmp.checksum.status", "icmpv6.checksum.status", "ip.reassembled.length", "ipv6.reassembled.length",
        "ip.opt.type", "ipv6.hopopts.nxt", "ipv6.routing.segleft", "ipv6.dstopts.nxt", "ah.spi", "icmp.type", "icmpv6.type", "_ws.malformed", "_ws.expert.severity",
    ];

    [Fact]
    public void Should_be_decoded_by_tshark_as_it_was_built() => Sandbox.Run(() =>
    {
        LoadBalancerOptions loadBalancerOptions = new() { Appliances = [IPAddress.Parse("127.0.0.2")], Local = IPAddress.Loopback, EndpointBase = EndpointBase, Endpoints = 3 };
        // Every protocol over both IP versions; from 6 flows on, each of them has its own.
        BlastOptions options = new() { Flows = 12, Protocol = BlastProtocol.Mix, Ip = BlastIp.Mix, Sizes = SizeMix.Parse("100,333"), Rate = 200, Duration = TimeSpan.FromSeconds(60) };
        TrafficPlan plan = new(options, loadBalancerOptions.Endpoints);

        string[] lines = Capture(Captured, _fields, stop =>
        {
            using Blaster blaster = new(options, loadBalancerOptions, new LoadBalancer(loadBalancerOptions));
            blaster.Run(stop);
        });

        Assert.Equal(Captured, lines.Length);
        Dictionary<int, string> cookies = [];
        foreach (string line in lines)
            Check(Decoded(line, _fields), plan, cookies);
        Assert.Equal(12, cookies.Count);
        Assert.Equal(12, cookies.Values.Distinct().Count());
    });

    [Fact]
    public void Should_be_decoded_by_tshark_whatever_the_case() => Sandbox.Run(() =>
    {
        LoadBalancerOptions loadBalancerOptions = new() { Appliances = [IPAddress.Parse("127.0.0.2")], Local = IPAddress.Loopback };
        CaseOptions cases = new() { FragmentSize = 600, FragmentOrder = FragmentOrder.Shuffled, Errors = ErrorKinds.Both, IpOptions = true, Asymmetric = true };
        BlastOptions options = new() { Flows = 60, Protocol = BlastProtocol.Mix, Ip = BlastIp.Mix, Sizes = SizeMix.Parse("1500,100"), Rate = 1_000, Duration = TimeSpan.FromSeconds(60), Cases = cases };

        string[] lines = Capture(captured: 6_000, _caseFields, stop =>
        {
            using Reflector reflector = new(IPAddress.Parse("127.0.0.2"), 6081);
            using Blaster blaster = new(options, loadBalancerOptions, new LoadBalancer(loadBalancerOptions));
            blaster.Run(stop);
        });

        Dictionary<string, string[]>[] packets = [.. lines.Select(line => Decoded(line, _caseFields))];
        Assert.Equal(6_000, packets.Length);
        Assert.All(packets, packet =>
        {
            Assert.Empty(packet["_ws.malformed"]);
            Assert.DoesNotContain("8388608", packet["_ws.expert.severity"]); // error
        });
        // No checksum is bad (0), and each upper layer has been found good (1), that of whole packets and that of datagrams put together.
        foreach (string upper in (string[])["udp", "tcp", "icmp", "icmpv6"])
        {
            string[] status = [.. packets.SelectMany(packet => packet[upper + ".checksum.status"])];
            Assert.DoesNotContain("0", status);
            Assert.Contains("1", status);
        }

        Assert.True(Count("ip.reassembled.length") > 100);
        Assert.True(Count("ipv6.reassembled.length") > 100);
        Assert.All((string[])["ip.opt.type", "ipv6.hopopts.nxt", "ipv6.routing.segleft", "ipv6.dstopts.nxt", "ah.spi"], field => Assert.True(Count(field) > 100, field));
        Assert.Superset(new HashSet<string> { "3", "4", "5", "11", "12" }, Types("icmp.type"));
        Assert.Superset(new HashSet<string> { "1", "2", "3", "4" }, Types("icmpv6.type"));

        int Count(string field) => packets.Count(packet => packet[field].Length != 0);
        HashSet<string> Types(string field) => [.. packets.SelectMany(packet => packet[field])];
    });

    private static void Check(Dictionary<string, string[]> packet, TrafficPlan plan, Dictionary<int, string> cookies)
    {
        bool isIpv6 = packet["ipv6.src"].Length != 0;
        string source = isIpv6 ? packet["ipv6.src"][0] : packet["ip.src"][1];
        byte[] address = IPAddress.Parse(source).GetAddressBytes();
        int flow = isIpv6 ? BinaryPrimitives.ReadInt32BigEndian(address.AsSpan(12)) : (int)(BinaryPrimitives.ReadUInt32BigEndian(address) - 0x0A40_0000);
        Assert.Equal(isIpv6, plan.NewFlow(flow).ProtocolType == 0x86DD);
        Assert.Equal(isIpv6 ? "fd00:65::" + (flow == 0 ? "" : flow.ToString("x", CultureInfo.InvariantCulture)) : "172.16.0." + flow, (isIpv6 ? packet["ipv6.dst"] : packet["ip.dst"])[^1]);

        // Outer: the load balancer to the appliance, not to be fragmented, no UDP checksum (status 3 of tshark's: not present).
        Assert.Equal(("127.0.0.1", "127.0.0.2"), (packet["ip.src"][0], packet["ip.dst"][0]));
        Assert.Equal("1", packet["ip.flags.df"][0]);
        Assert.Equal("6081", packet["udp.dstport"][0]);
        Assert.Equal("3", packet["udp.checksum.status"][0]);

        Assert.Equal(["0"], packet["geneve.version"]);
        Assert.Equal(["0x00"], packet["geneve.flags"]);
        Assert.Equal([isIpv6 ? "0x86dd" : "0x0800"], packet["geneve.proto_type"]);
        Assert.Equal(["0x000000"], packet["geneve.vni"]);
        Assert.Equal(["0x0108", "0x0108", "0x0108"], packet["geneve.option.class"]);
        Assert.Equal(["0x01", "0x02", "0x03"], packet["geneve.option.type"]);
        // All options together, which tshark shows under the same name, then each with its own header of 4 bytes.
        Assert.Equal(["32", "12", "12", "8"], packet["geneve.option.length"]);
        string[] values = packet["geneve.option.unknown.data"];
        Assert.Equal((EndpointBase + (ulong)(flow % 3)).ToString("x16", CultureInfo.InvariantCulture), values[0]);
        Assert.Equal(cookies.GetValueOrDefault(flow, values[2]), values[2]);
        cookies[flow] = values[2];

        // Inner: whatever protocol the flow has, with good checksums (1).
        string transport = (flow % 3, isIpv6) switch { (0, _) => "udp", (1, _) => "tcp", (_, false) => "icmp", _ => "icmpv6" };
        Assert.Equal("1", packet[transport + ".checksum.status"][^1]);
        Assert.All(packet["ip.checksum.status"], status => Assert.Equal("1", status));
        Assert.Equal(isIpv6 ? 1 : 2, packet["ip.checksum.status"].Length);
        if (transport is "udp" or "tcp")
            Assert.Equal((1024 + flow).ToString(CultureInfo.InvariantCulture), packet[transport + ".srcport"][^1]);
        Assert.Contains(packet["frame.len"][0], (string[])["182", "415"]); // Ethernet 14, outer 28, Geneve 40
        Assert.Empty(packet["_ws.malformed"]);
        Assert.DoesNotContain("8388608", packet["_ws.expert.severity"]); // error
    }

    private static Dictionary<string, string[]> Decoded(string line, string[] fields)
    {
        string[] columns = line.Split('\t');
        return fields.Zip(columns).ToDictionary(field => field.First, field => field.Second.Split(',', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Captures while traffic goes on, which is told to stop when there is enough.</summary>
    private static string[] Capture(int captured, string[] fields, Action<CancellationToken> traffic)
    {
        string[] arguments =
        [
            "-i", "lo", "-n", "-l", "-c", captured.ToString(CultureInfo.InvariantCulture), "-f", "udp dst port 6081 and dst host 127.0.0.2", "-d", "udp.port==6081,geneve",
            "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields", .. fields.SelectMany(field => (string[])["-e", field]),
        ];
        using Process tshark = Process.Start(new ProcessStartInfo("tshark", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = tshark.StandardOutput.ReadToEndAsync();
        Task<string> errors = tshark.StandardError.ReadToEndAsync();
        using CancellationTokenSource enough = new();
        Task.Run(async () =>
        {
            await tshark.WaitForExitAsync();
            await enough.CancelAsync();
        });
        traffic(enough.Token);
        if (!tshark.HasExited)
            tshark.Kill();
        Assert.True(tshark.ExitCode == 0, errors.Result);
        return output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
