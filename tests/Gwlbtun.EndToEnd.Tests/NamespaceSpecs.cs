using System.Net;
using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>A network namespace for each endpoint: <c>tunnel.netns = per-endpoint</c>.</summary>
public sealed class NamespaceSpecs : ApplianceSpecs
{
    private readonly GwlbFlow _flow = new(Eni, 1);
    private readonly EndpointNamespaces _namespaces;

    public NamespaceSpecs(ITestOutputHelper output)
        : base(output)
    {
        _namespaces = new EndpointNamespaces(Lab.Appliance);
        _namespaces.Configure(Variables);
    }

    private NetworkNamespace Endpoint => _namespaces.Of(Gwi);

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _namespaces.Clear();
    }

    [Fact]
    public async Task Should_make_the_devices_and_run_the_hooks_in_a_namespace_that_goes_with_the_endpoint()
    {
        // What a host with strict filtering gives to each new device.
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv4.conf.default.rp_filter=1");
        var gwlbtun = await StartInNamespacesAsync("-j");
        await Gwlb.EchoAsync(_flow, 0);
        await Gwlb.EchoAsync(_flow with { EniId = Eni + 1 }, 0);

        foreach (var device in new[] { Gwi, Gwo })
        {
            var link = JsonDocument.Parse(Endpoint.Ip("-j", "addr", "show", "dev", device)).RootElement[0];
            Assert.Equal(8500, link.GetProperty("mtu").GetInt32());
            Assert.Contains("UP", link.GetProperty("flags").EnumerateArray().Select(flag => flag.GetString()));
            Assert.Empty(link.GetProperty("addr_info").EnumerateArray());
        }
        Assert.Equal("0", Endpoint.Execute("sysctl", "-n", $"net.ipv4.conf.{Gwi}.rp_filter").Trim());
        Assert.DoesNotContain("gwi-", Lab.Appliance.Ip("link"), StringComparison.Ordinal);
        Assert.Equal(2, _namespaces.Names.Count);
        Assert.Contains(Endpoint.Name, (await gwlbtun.GetReportAsync()).GetProperty("enis").EnumerateArray().Select(eni => eni.GetProperty("netns").GetString()));

        await gwlbtun.StopAsync();
        var main = Lab.Appliance.Execute("stat", "-Lc", "%i", "/proc/self/ns/net").Trim();
        foreach (var action in new[] { "CREATE", "DESTROY" })
            Assert.Equal(1, gwlbtun.Program.CountLines($"hook {action} {Gwi} {Gwo} {EniText} in {Endpoint.Name} {Endpoint.Name} {main}"));
        Assert.Empty(_namespaces.Names);
    }

    [Theory]
    [InlineData(Gwi)]
    [InlineData(Gwo)]
    public async Task Should_make_the_pair_anew_in_the_same_namespace_when_a_device_is_deleted(string device)
    {
        var gwlbtun = await StartInNamespacesAsync();
        await Gwlb.EchoAsync(_flow, 0);
        var before = Endpoint.Execute("stat", "-Lc", "%i", "/proc/self/ns/net");

        Endpoint.Ip("link", "del", device);
        await gwlbtun.Program.WaitForLineAsync($"hook CREATE {Gwi} {Gwo}", occurrence: 2);
        await Gwlb.EchoAsync(_flow, 1);

        Assert.Equal(before, Endpoint.Execute("stat", "-Lc", "%i", "/proc/self/ns/net"));
        Assert.Equal(1, gwlbtun.Program.CountLines($"hook DESTROY {Gwi} {Gwo}"));
    }

    [Fact]
    public async Task Should_notice_a_device_that_is_set_down_and_leave_other_endpoints_alone()
    {
        var gwlbtun = await StartInNamespacesAsync();
        await Gwlb.EchoAsync(_flow, 0);
        await Gwlb.EchoAsync(_flow with { EniId = Eni + 1 }, 0);

        Endpoint.Ip("link", "set", Gwo, "down");
        await gwlbtun.Program.WaitForLineAsync($"hook CREATE {Gwi} {Gwo}", occurrence: 2);
        await Gwlb.EchoAsync(_flow, 1);
        Assert.Equal(3, gwlbtun.Program.CountLines("hook CREATE"));
    }

    [Fact]
    public async Task Should_make_the_namespace_anew_when_it_is_deleted()
    {
        var gwlbtun = await StartInNamespacesAsync();
        await Gwlb.EchoAsync(_flow, 0);

        Command.Run("ip", "netns", "del", Endpoint.Name);
        await gwlbtun.Program.WaitForLineAsync($"tunnel failed: network namespace {Endpoint.Name} was deleted");
        await gwlbtun.Program.WaitForLineAsync($"hook CREATE {Gwi} {Gwo}", occurrence: 2);
        await gwlbtun.WaitForHealthAsync(HttpStatusCode.OK);

        // A reply finds its flow although nothing arrived from the load balancer since.
        using (var gwo = new DeviceSocket(Endpoint, Gwo))
        {
            var reply = _flow.Reply(1);
            gwo.Send(reply);
            Assert.Null((await Gwlb.ReceiveAsync()).FaultAs(_flow, reply));
        }

        Assert.Equal(1, gwlbtun.Program.CountLines($"hook DESTROY {Gwi} {Gwo}"));
        await gwlbtun.StopAsync();
        Assert.Empty(_namespaces.Names);
    }

    [Fact]
    public async Task Should_use_and_leave_a_namespace_that_exists()
    {
        Command.Run("ip", "netns", "add", Endpoint.Name);
        Endpoint.Ip("tuntap", "add", "theirs", "mode", "tun");
        var gwlbtun = await StartInNamespacesAsync();
        await Gwlb.EchoAsync(_flow, 0);
        Assert.Contains(Gwi, Endpoint.Ip("link"), StringComparison.Ordinal);

        await gwlbtun.StopAsync();
        Assert.Equal([Endpoint.Name], _namespaces.Names);
        Assert.Equal(["lo", "theirs"], JsonDocument.Parse(Endpoint.Ip("-j", "link")).RootElement.EnumerateArray().Select(link => link.GetProperty("ifname").GetString()));
    }

    [Fact]
    public async Task Should_remove_in_the_end_what_a_killed_handler_has_left()
    {
        var killed = await StartInNamespacesAsync();
        await Gwlb.EchoAsync(_flow, 0);
        killed.Program.Signal(Signals.Kill);
        await killed.Program.WaitForExitAsync();
        Assert.Equal([Endpoint.Name], _namespaces.Names);

        var next = await StartInNamespacesAsync();
        await Gwlb.EchoAsync(_flow, 1);
        await next.StopAsync();
        Assert.Empty(_namespaces.Names);
    }

    [Fact]
    public async Task Should_remove_the_namespace_of_an_idle_endpoint_and_make_it_anew_when_traffic_returns()
    {
        var gwlbtun = await StartInNamespacesAsync("-t", "5");
        await Gwlb.EchoAsync(_flow, 0);
        await gwlbtun.Program.WaitForLineAsync($"tunnel {Gwi} {Gwo} in {Endpoint.Name} destroyed: idle");
        Assert.True(SpinWait.SpinUntil(() => _namespaces.Names.Count == 0, Wait.Patience), "the namespace is still there");

        await Gwlb.EchoAsync(_flow, 1);
        Assert.Equal([Endpoint.Name], _namespaces.Names);
    }

    [Fact]
    public async Task Should_say_so_when_namespaces_cannot_be_made()
    {
        var (exitCode, log) = await FailAsync(["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]);
        Assert.Equal(1, exitCode);
        Assert.Contains("CAP_SYS_ADMIN is missing", log, StringComparison.Ordinal);

        (exitCode, log) = await FailAsync(["unshare", "-m", "sh", "-c", "mount -t tmpfs -o ro none /run && exec \"$@\"", "sh"]);
        Assert.Equal(1, exitCode);
        Assert.Contains("/run/netns", log, StringComparison.Ordinal);
    }

    /// <summary>Starts gwlbtun with hooks that hand everything straight back, and say where they are.</summary>
    private Task<GwlbtunProcess> StartInNamespacesAsync(params string[] arguments)
    {
        var hook = Script("namespace-hook", $"""
            echo "hook $* in $GWLBTUN_NETNS $(ip netns identify $$) $(stat -Lc %i "$GWLBTUN_MAIN_NETNS")"
            exec {Passthrough} "$@"
            """);
        return StartWrappedAsync(EndpointNamespaces.InTheMountsOfTheHost, ["-c", hook, "-r", hook, .. arguments]);
    }
}
