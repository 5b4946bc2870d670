using System.Net;
using System.Text.RegularExpressions;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>With --no-return and its hook, the appliance shows to an IDS what clients send, and does nothing else with it.</summary>
public sealed partial class TapSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private static readonly string _tap = Artifacts.ExampleScript("create-no-return-mirror.sh");

    private readonly List<RunningProgram> _programs = [];

    [Fact]
    public async Task Should_show_packets_on_the_ingress_device_and_neither_forward_nor_answer_them()
    {
        var host = await ListenAsync(Lab.Appliance, "any");
        await PingAsync(host);
        Assert.Equal([$"{Gwi} In"], Passages(host));
    }

    [Fact]
    public async Task Should_show_packets_on_another_interface_and_neither_forward_nor_answer_them()
    {
        var ids = Lab.AddNamespace("ids");
        Lab.Appliance.Ip("link", "add", "mirror", "mtu", "8500", "type", "veth", "peer", "name", "tap", "mtu", "8500", "netns", ids.Name);
        Lab.Appliance.Ip("link", "set", "mirror", "up");
        ids.Ip("link", "set", "tap", "up");
        Variables["HOOK_MIRROR_TO"] = "mirror";
        var host = await ListenAsync(Lab.Appliance, "any");
        var tap = await ListenAsync(ids, "tap");
        await PingAsync(tap);
        await host.WaitForLineAsync("mirror +Out", occurrence: 8);
        // ping's is 64; nftables forwards, which costs one.
        Assert.Equal(8, tap.CountLines("(ttl|hlim) 63,"));
        Assert.Equal([$"{Gwi} In", "mirror Out"], Passages(host));
    }

    public override async Task DisposeAsync()
    {
        foreach (var program in _programs)
            await program.DisposeAsync(Output);
        await base.DisposeAsync();
    }

    private async Task<RunningProgram> ListenAsync(NetworkNamespace network, string device)
    {
        const string EchoRequestsAndReplies = "icmp or (icmp6 and (ip6[40] == 128 or ip6[40] == 129))";
        var listener = RunningProgram.Start(["ip", "netns", "exec", network.Name, "tcpdump", "-v", "-n", "-l", "-i", device, EchoRequestsAndReplies]);
        _programs.Add(listener);
        await listener.WaitForLineAsync("listening on");
        return listener;
    }

    /// <summary>Pings what the host would forward to, and the host itself; returns when the IDS has seen it.</summary>
    private async Task PingAsync(RunningProgram ids)
    {
        var sides = new ClientAndServer(Lab);
        Lab.Serve(IPAddress.Parse("10.2.0.9"));
        Lab.Serve(IPAddress.Parse("fd02::9"));
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv6.conf.all.forwarding=1");
        // The emulator takes the place of the test's own load balancer.
        Gwlb.Dispose();
        await StartAsync("--no-return", "-c", _tap, "-r", _tap);
        _programs.Add((await EmulatorProcess.BridgeAsync(Lab, sides.Client, sides.Server)).Program);
        sides.Address();

        foreach (var address in new[] { "10.2.0.2", "10.2.0.9", "fd02::2", "fd02::9" })
        {
            await using var ping = RunningProgram.Start(["ip", "netns", "exec", sides.Client.Name, "ping", "-n", "-c", "2", "-i", "0.05", "-W", "0.2", "-s", "8000", address]);
            Assert.Equal(1, await ping.WaitForExitAsync());
            await ids.WaitForLineAsync($@" > {Regex.Escape(address)}: .*ICMP6?,? echo request", occurrence: 2);
        }
    }

    /// <summary>Where the host let echo requests and replies in or out.</summary>
    private static IEnumerable<string> Passages(RunningProgram host) =>
        Passage().Matches(host.Log).Select(passage => $"{passage.Groups[1].Value} {passage.Groups[2].Value}").Distinct().Order(StringComparer.Ordinal);

    [GeneratedRegex(@"^\S+ (\S+) +(In|Out|B|M|P) +IP6? ", RegexOptions.Multiline)]
    private static partial Regex Passage();
}
