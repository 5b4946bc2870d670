using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>
/// traceroute, tracepath, ping and TCP through an appliance that routes: the ICMP errors that it and a router behind it make reach the
/// client, whose kernel and programs act upon them.
/// </summary>
public sealed class RoutedPathSpecs : ApplianceSpecs
{
    private const int TransferBytes = 8_000_000;

    private readonly RoutedPath _path;
    private EmulatorProcess? _emulator;

    public RoutedPathSpecs(ITestOutputHelper output)
        : base(output) => _path = new RoutedPath(Lab);

    [Theory]
    [InlineData("route")]
    [InlineData("nat")]
    public async Task Should_show_traceroute_the_appliance_and_the_router_behind_it(string mode)
    {
        var gwlbtun = await BridgeAsync(mode);
        foreach (var v6 in new[] { false, true })
        {
            // Unless told how long, it waits for an answer only three times as long as another answer took: on a busy machine that is too short.
            foreach (var probe in new[] { "-Mdefault", "-I", "-T" }) // UDP, ICMP, TCP
                AssertHops(v6, _path.Client.Execute("traceroute", v6 ? "-6" : "-4", "-n", probe, "-q", "2", "-w", "30", $"{RoutedPath.ServerAddress(v6)}"));
        }
        await StopAsync(gwlbtun);
    }

    [Theory]
    [InlineData("route")]
    [InlineData("nat")]
    public async Task Should_show_tracepath_the_hops_and_the_narrow_link(string mode)
    {
        var gwlbtun = await BridgeAsync(mode);
        // The kernel tells of an ICMP error twice. On another core than the one that delivers it tracepath may act on the first, and take the second
        // for the next probe's answer: it is then a hop ahead of the answers from there on.
        var core = Regex.Match(File.ReadAllText("/proc/self/status"), @"^Cpus_allowed_list:\t(\d+)", RegexOptions.Multiline).Groups[1].Value;
        Command.Run("taskset", "-a", "-c", "-p", core, $"{_emulator!.Program.Id}");
        foreach (var v6 in new[] { false, true })
        {
            var traced = _path.Client.Execute("taskset", "-c", core, "tracepath", v6 ? "-6" : "-4", "-n", $"{RoutedPath.ServerAddress(v6)}");
            AssertHops(v6, traced);
            Assert.Matches($@"Resume: pmtu {RoutedPath.NarrowMtu} hops 3 ", traced);
        }
        await StopAsync(gwlbtun);
    }

    [Theory]
    [InlineData("route")]
    [InlineData("nat")]
    public async Task Should_discover_the_path_mtu_under_a_tcp_transfer(string mode)
    {
        var gwlbtun = await BridgeAsync(mode);
        // The MSS that the server announces must not tell the client of the narrow link.
        foreach (var v6 in new[] { false, true })
            _path.Server.Ip(v6 ? "-6" : "-4", "route", "change", "default", "via", v6 ? "2001:db8:71::1" : "203.0.113.1", "advmss", "8000");
        var data = RandomNumberGenerator.GetBytes(TransferBytes);
        foreach (var v6 in new[] { false, true })
        {
            using var timeout = new CancellationTokenSource(Wait.Patience);
            Assert.Equal(SHA256.HashData(data), SHA256.HashData(await _path.SendAsync(v6, data, timeout.Token)));
            Assert.Contains($" mtu {RoutedPath.NarrowMtu} ", _path.Client.Ip("route", "get", $"{RoutedPath.ServerAddress(v6)}"), StringComparison.Ordinal);
        }
        await StopAsync(gwlbtun);
    }

    [Theory]
    [InlineData("route")]
    [InlineData("nat")]
    public async Task Should_tell_ping_that_its_packets_are_too_big(string mode)
    {
        var gwlbtun = await BridgeAsync(mode);
        // The appliance's own link is narrow, too: the errors are its own.
        Lab.Appliance.Ip("link", "set", RoutedPath.LegDevice, "mtu", "2000");
        foreach (var (v6, size, mtu) in new[] { (false, 4000, 2000), (true, 4000, 2000), (false, 1600, RoutedPath.NarrowMtu), (true, 1600, RoutedPath.NarrowMtu) })
        {
            var answer = Ping(v6, size);
            Assert.Matches(v6 ? $@"Packet too big: mtu={mtu}" : $@"Frag needed and DF set \(mtu = {mtu}\)", answer);
        }
        foreach (var (v6, headers) in new[] { (false, 28), (true, 48) })
            _path.Client.Execute("ping", "-q", "-c", "1", "-W", "60", "-M", "do", "-s", $"{RoutedPath.NarrowMtu - headers}", $"{RoutedPath.ServerAddress(v6)}");
        await StopAsync(gwlbtun);
    }

    public override async Task DisposeAsync()
    {
        if (_emulator is not null)
        {
            // It says what it objects to when it is asked to end.
            _emulator.Program.Signal(Signals.Terminate);
            await _emulator.Program.WaitForExitAsync();
            await _emulator.Program.DisposeAsync(Output);
        }
        await base.DisposeAsync();
    }

    private async Task<GwlbtunProcess> BridgeAsync(string mode)
    {
        Gwlb.Dispose();
        var hook = Artifacts.ExampleScript("create-nat.sh");
        Variables["HOOK_UPLINK"] = RoutedPath.LegDevice;
        if (mode == "route")
        {
            // The way back to the clients is the host's matter.
            hook = Script("routed", $"""
                {Artifacts.ExampleScript("create-route.sh")} "$@" || exit
                if [ "$1" = CREATE ]; then
                  ip -4 route add {RoutedPath.ClientNetwork4} dev "$3"
                  ip -6 route add {RoutedPath.ClientNetwork6} dev "$3"
                fi
                """);
        }
        var gwlbtun = await StartAsync("-c", hook, "-r", hook);
        _emulator = await EmulatorProcess.BridgeAsync(Lab, _path.Client, Lab.AddNamespace("unused"));
        _path.Address();
        foreach (var v6 in new[] { false, true })
            _path.Client.Execute("ping", "-q", "-c", "1", "-W", "60", $"{RoutedPath.ServerAddress(v6)}");
        return gwlbtun;
    }

    private async Task StopAsync(GwlbtunProcess gwlbtun)
    {
        await _emulator!.StopAsync();
        await gwlbtun.StopAsync();
    }

    private static void AssertHops(bool v6, string traced)
    {
        AssertHop(1, RoutedPath.ApplianceAddresses(v6));
        AssertHop(2, [RoutedPath.RouterAddress(v6)]);
        AssertHop(3, [$"{RoutedPath.ServerAddress(v6)}"]);

        void AssertHop(int number, IReadOnlyList<string> expected) =>
            Assert.True(expected.Any(address => Regex.IsMatch(traced, $@"^ *{number}:? +{Regex.Escape(address)} ", RegexOptions.Multiline)), $"hop {number} is not {string.Join(" or ", expected)}:\n{traced}");
    }

    /// <summary>Sends two unfragmentable pings; what it prints when they are not answered.</summary>
    private string Ping(bool v6, int size) => _path.Client.Execute(
        "sh", "-c", $"ping {(v6 ? "-6" : "-4")} -n -c 2 -i 0.2 -W 30 -M do -s {size} {RoutedPath.ServerAddress(v6)} 2>&1 || true");
}
