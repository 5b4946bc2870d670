using System.Text.RegularExpressions;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Release;

/// <summary>The tarball, installed by the commands of docs/installing.md and run by a real systemd, with everything that its unit forbids.</summary>
[Collection(ReleaseCollection.Name)]
public sealed partial class ServiceUnitSpecs(ReleaseBuild build, ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const string Log = "/run/gwlbtun.log";
    private const string Trouble = "missing|cannot|denied|not permitted|failed|exit code [1-9]";

    private static readonly string _page = File.ReadAllText(Repository.PathOf("docs/installing.md"));

    private SystemdHost _host = null!;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _host = await SystemdHost.BootAsync(Lab.Appliance);
        // There is no journal to log to.
        _host.Run($"""
            mkdir -p /etc/systemd/system/gwlbtun.service.d
            printf '[Service]\nStandardOutput=append:{Log}\nStandardError=inherit\n' >/etc/systemd/system/gwlbtun.service.d/log.conf
            """);
    }

    public override async Task DisposeAsync()
    {
        Output.WriteLine(_host.Run($"systemctl status gwlbtun || true; cat {Log} || true"));
        await _host.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Should_serve_when_installed_as_documented()
    {
        Install("");
        Assert.Equal("active", _host.Property("ActiveState"));
        for (var n = 0; n < 10; n++)
            await Gwlb.EchoAsync(new GwlbFlow(Eni, n, IsV6: n % 2 == 1), 0);
        Assert.Contains("Health", Lab.Appliance.Execute("curl", "-sSf", "http://127.0.0.1:8060/"), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotMatch(Trouble, _host.Run($"cat {Log}"));
        _host.Run("systemd-analyze verify /etc/systemd/system/gwlbtun.service");
    }

    [Theory]
    [InlineData("create-passthrough.sh")]
    [InlineData("create-nat.sh")]
    [InlineData("create-local.sh")]
    public async Task Should_let_hooks_do_and_undo_what_they_must(string hook)
    {
        var before = Rules();
        Install(Hook(hook));
        await DeliverAsync();
        Assert.NotEqual(before, Rules());
        Assert.DoesNotMatch(Trouble, _host.Run($"cat {Log}"));

        _host.Run("systemctl stop gwlbtun");
        Assert.Equal("success", _host.Property("Result"));
        Assert.Equal("0", _host.Property("ExecMainStatus"));
        Assert.Equal(before, Rules());
    }

    [Fact]
    public async Task Should_come_back_and_clear_away_what_was_left_when_killed()
    {
        Install(Hook("create-nat.sh"));
        await DeliverAsync();
        var rules = Rules();
        // All of it at once, so that nothing is undone.
        _host.Run("systemctl kill --signal=KILL gwlbtun");
        await AwaitAsync(() => _host.Property("NRestarts") == "1" && _host.Property("ActiveState") == "active");
        await DeliverAsync();
        Assert.Equal(rules, Rules());
    }

    [Fact]
    public void Should_say_that_it_cannot_start_when_its_configuration_is_wrong()
    {
        var failure = Assert.Throws<InvalidOperationException>(() => Install("GWLBTUN_HEALTH_PORT=many"));
        Assert.Contains("systemctl status gwlbtun", failure.Message, StringComparison.Ordinal);
        Assert.Contains("GWLBTUN_HEALTH_PORT", _host.Run($"cat {Log}"), StringComparison.Ordinal);
    }

    /// <summary>Runs the commands of the page, with these variables for the service, and no time to drain.</summary>
    private void Install(string variables)
    {
        var commands = Block().Match(_page).Groups[1].Value;
        Assert.Contains("version=1.0.0 arch=x64", commands, StringComparison.Ordinal);
        _host.Run($$"""
            printf '%s\n' GWLBTUN_SHUTDOWN_DRAIN=0s '{{variables}}' >/etc/default/gwlbtun
            cd {{build.Output}}
            sudo() { "$@"; }
            {{commands.Replace("version=1.0.0", $"version={ReleaseBuild.Version}", StringComparison.Ordinal)}}
            """);
    }

    private static string Hook(string name) =>
        $"HOOK_UPLINK=uplink\nGWLBTUN_HOOKS_CREATE=/opt/gwlbtun/example-scripts/{name}\nGWLBTUN_HOOKS_DESTROY=/opt/gwlbtun/example-scripts/{name}";

    /// <summary>Has the endpoint's tunnel made: a packet is delivered when its CREATE hook has run.</summary>
    private async Task DeliverAsync()
    {
        var flow = new GwlbFlow(Eni, 1);
        Gwlb.Send(flow, flow.Packet(0));
        await Lab.WaitForDeliveredAsync(1);
    }

    private async Task AwaitAsync(Func<bool> condition)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Wait.Patience, _host.Run($"systemctl status gwlbtun || true; cat {Log}"));
            await Task.Delay(20);
        }
    }

    // Queueing disciplines are numbered anew each time, and IPv6 adds its own routes when it gets to it.
    private string Rules() => Lab.Appliance.Execute(
        "bash", "-c", "iptables-save | grep ^-A; ip rule; ip route show table all | grep -v -e fe80 -e ff00; tc qdisc | sed 's/ [0-9a-f]*: / /'; true");

    [GeneratedRegex("## In five commands\n.*?```\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
