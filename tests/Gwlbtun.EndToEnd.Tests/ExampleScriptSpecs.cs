using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>The hooks by themselves, on devices that stand for gwlbtun's.</summary>
public sealed class ExampleScriptSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    // Link-local addresses come by themselves, some time after a device is up; tc actions are numbered anew each time.
    private const string Snapshot = """
        for v in -4 -6; do ip $v rule; ip $v route show table all | grep -v fe80; done
        for save in iptables-save ip6tables-save iptables-legacy-save ip6tables-legacy-save; do $save 2>/dev/null | grep ^-A; done
        nft -s list ruleset
        for d in $(ip -o link | awk -F '[ :@]+' '{print $2}'); do tc qdisc show dev $d; tc filter show dev $d ingress; done | grep -v 'index [0-9]* ref'
        true
        """;

    /// <summary>iptables-nft keeps the tables and chains that it makes at its first use, empty. A host that uses it has them.</summary>
    internal const string UseIptables = """
        for restore in iptables-restore ip6tables-restore; do
          printf '%s\n' '*raw' :PREROUTING 'COMMIT' '*mangle' :PREROUTING :FORWARD :OUTPUT 'COMMIT' '*nat' :POSTROUTING 'COMMIT' '*filter' :FORWARD 'COMMIT' |
            sed 's/^:.*/& ACCEPT/' | $restore -w --noflush || exit
        done
        """;

    private const string Tap = "create-no-return-mirror.sh";
    private const string OfEachEndpoint = "HOOK_CIDRS_00000000000000001=10.1.0.0/16,fd01::/64 HOOK_CIDRS_00000000000000002=10.2.0.0/16 HOOK_CIDRS=10.3.0.0/16";

    /// <summary>Each script, with the variables that it gets.</summary>
    public static TheoryData<string, string> Scripts => new()
    {
        { "create-passthrough.sh", "" }, { "create-local.sh", "" },
        { "create-route.sh", "HOOK_ROUTE=back" }, { "create-route.sh", $"HOOK_ROUTE=clients {OfEachEndpoint}" },
        { "create-nat.sh", "" }, { "create-nat.sh", OfEachEndpoint }, { "create-nat-overlapping.sh", "" }, { "create-overlapping-v4.sh", "" },
        { "create-nftables-nat.sh", "" }, { "create-nftables-nat.sh", OfEachEndpoint },
        { "create-suricata-nfqueue.sh", "" }, { "create-suricata-nfqueue.sh", "HOOK_QUEUE=2:5" },
        { Tap, "" }, { Tap, "HOOK_MIRROR_TO=uplink" },
    };

    /// <summary>Each script, and something that it fails for after it has begun.</summary>
    public static TheoryData<string, string> Failures => new()
    {
        { "create-passthrough.sh", "gwo-nowhere" }, { "create-local.sh", "gwo-nowhere" },
        { "create-route.sh", "HOOK_ROUTE=back gwo-nowhere" }, { "create-route.sh", "HOOK_ROUTE=clients HOOK_CIDRS=10.1.0.0/16,10.256.0.0/16" },
        { "create-nat.sh", "gwo-nowhere" }, { "create-nat.sh", "HOOK_CIDRS=10.256.0.0/16" },
        { "create-nat-overlapping.sh", "gwo-nowhere" }, { "create-overlapping-v4.sh", "gwo-nowhere" },
        { "create-nftables-nat.sh", "gwo-nowhere" }, { "create-nftables-nat.sh", "HOOK_CIDRS=10.256.0.0/16" },
        { "create-suricata-nfqueue.sh", "HOOK_QUEUE=65536" },
    };

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Should_leave_what_was_there_before_when_endpoints_come_and_go_in_any_order(string script, string variables)
    {
        AddDevices(1, 2, 3);
        // Somebody else's rules, which must survive.
        Lab.Appliance.Execute("bash", "-c", UseIptables);
        Lab.Appliance.Execute("iptables", "-w", "-t", "nat", "-A", "POSTROUTING", "-o", "uplink", "-j", "MASQUERADE");
        Lab.Appliance.Execute("nft", "add table inet gwlbtun; add chain inet gwlbtun kept { type filter hook forward priority 0; }");
        Lab.Appliance.Ip("rule", "add", "fwmark", "0x10000/0xfff0000", "lookup", "77");
        var before = Snapshots();

        foreach (var endpoint in new[] { 1, 2, 3, 2 })
            Call(script, variables, "CREATE", endpoint);
        var created = Snapshots();
        Call(script, variables, "DESTROY", 2);
        Call(script, variables, "CREATE", 2);
        Assert.Equal(created.Order(StringComparer.Ordinal), Snapshots().Order(StringComparer.Ordinal));
        foreach (var endpoint in new[] { 3, 1, 2, 2 })
            Call(script, variables, "DESTROY", endpoint);
        Assert.Equal(before, Snapshots());
        Assert.NotEqual(before, created);
    }

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Should_undo_what_is_left_when_the_devices_are_gone(string script, string variables)
    {
        Lab.Appliance.Execute("bash", "-c", UseIptables);
        var before = Snapshots();
        AddDevices(1);
        Call(script, variables, "CREATE", 1);
        Lab.Appliance.Ip("link", "del", "gwi-1");
        Lab.Appliance.Ip("link", "del", "gwo-1");
        Call(script, variables, "DESTROY", 1);
        Assert.Equal(before, Snapshots());
    }

    [Theory]
    [MemberData(nameof(Failures))]
    public void Should_undo_what_was_done_when_create_fails_half_way(string script, string cause)
    {
        AddDevices(1);
        Lab.Appliance.Execute("bash", "-c", UseIptables);
        var before = Snapshots();
        var variables = cause.Replace("gwo-nowhere", "", StringComparison.Ordinal);
        var failure = Assert.Throws<InvalidOperationException>(() => Call(script, variables, "CREATE", 1, gwo: variables == cause ? null : "gwo-nowhere"));
        Assert.Contains("undoing what was done", failure.Message, StringComparison.Ordinal);
        Assert.Equal(before, Snapshots());
    }

    [Fact]
    public void Should_go_on_dropping_what_a_tap_cannot_show()
    {
        AddDevices(1);
        var before = Snapshots();
        var failure = Assert.Throws<InvalidOperationException>(() => Call(Tap, "HOOK_MIRROR_TO=nowhere", "CREATE", 1));
        Assert.Contains("dropped, but not shown on nowhere", failure.Message, StringComparison.Ordinal);
        Assert.Contains("policy drop", Lab.Appliance.Execute("nft", "list", "ruleset"), StringComparison.Ordinal);
        Call(Tap, "", "DESTROY", 1);
        Assert.Equal(before, Snapshots());
    }

    [Fact]
    public void Should_undo_what_was_done_when_create_takes_too_long()
    {
        AddDevices(1);
        var before = Snapshots();
        var folder = Directory.CreateDirectory(Path.Combine(Folder, "bin")).FullName;
        // Asked for what to put into the table that has been claimed by then.
        File.WriteAllText(Path.Combine(folder, "ip"), """
            #!/bin/sh
            case "$*" in *"rule add"*) exec sleep 60 ;; *) exec /sbin/ip "$@" ;; esac
            """);
        File.SetUnixFileMode(Path.Combine(folder, "ip"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var failure = Assert.Throws<InvalidOperationException>(() => Lab.Appliance.Execute(
            "timeout", "6", "env", "HOOK_ROUTE=back", $"HOOK_STATE_DIR={Folder}/state", $"PATH={folder}:{Environment.GetEnvironmentVariable("PATH")}",
            Artifacts.ExampleScript("create-route.sh"), "CREATE", "gwi-1", "gwo-1", $"{1:x17}"));
        Assert.Contains("undoing what was done", failure.Message, StringComparison.Ordinal);
        Assert.Equal(before, Snapshots());
    }

    [Theory]
    [InlineData("create-route.sh", "HOOK_ROUTE=back")]
    [InlineData("create-nat.sh", "")]
    [InlineData("create-nftables-nat.sh", "")]
    public void Should_do_without_ipv6_where_it_is_switched_off(string script, string variables)
    {
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
        AddDevices(1);
        Call(script, variables, "CREATE", 1);
        Assert.Contains("gwi-1", Lab.Appliance.Execute("ip", "rule"), StringComparison.Ordinal);
        Assert.DoesNotContain("gwi-1", Lab.Appliance.Execute("ip", "-6", "rule"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("create-nftables-nat.sh", "")]
    [InlineData(Tap, "")]
    public void Should_begin_anew_when_an_earlier_table_is_left_and_its_journal_lost(string script, string variables)
    {
        AddDevices(1);
        Lab.Appliance.Execute("bash", "-c", UseIptables);
        var before = Snapshots();
        Call(script, variables, "CREATE", 1);
        var tables = Lab.Appliance.Execute("nft", "-s", "list", "ruleset");
        Directory.Delete(Path.Combine(Folder, "state"), recursive: true);
        Call(script, variables, "CREATE", 1);
        Assert.Equal(tables, Lab.Appliance.Execute("nft", "-s", "list", "ruleset"));
        Call(script, variables, "DESTROY", 1);
        Assert.Equal(before, Snapshots());
    }

    [Theory]
    [InlineData("create-nat.sh", "iptables-legacy")]
    [InlineData("create-nat.sh", "iptables-nft")]
    [InlineData("create-nat-overlapping.sh", "iptables-legacy")]
    [InlineData("create-nat-overlapping.sh", "iptables-nft")]
    [InlineData("create-overlapping-v4.sh", "iptables-legacy")]
    [InlineData("create-overlapping-v4.sh", "iptables-nft")]
    [InlineData("create-local.sh", "iptables-legacy")]
    [InlineData("create-local.sh", "iptables-nft")]
    [InlineData("create-suricata-nfqueue.sh", "iptables-legacy")]
    [InlineData("create-suricata-nfqueue.sh", "iptables-nft")]
    public void Should_work_with_either_kind_of_iptables(string script, string kind)
    {
        AddDevices(1);
        var folder = Directory.CreateDirectory(Path.Combine(Folder, "bin")).FullName;
        foreach (var name in new[] { "iptables", "ip6tables" })
            File.CreateSymbolicLink(Path.Combine(folder, name), Which(kind.Replace("iptables", name, StringComparison.Ordinal)));
        Call(script, "", "CREATE", 1, path: folder);
        Assert.Contains("gwi-1", Lab.Appliance.Execute($"{kind}-save"), StringComparison.Ordinal);
        Call(script, "", "DESTROY", 1, path: folder);
        Assert.DoesNotContain("gwi-1", Lab.Appliance.Execute($"{kind}-save"), StringComparison.Ordinal);
    }

    /// <summary>
    /// Linux drops the first packet of one of two connections that begin with the same ports on two CPUs at the same moment, unless NAT chooses
    /// the ports at random.
    /// </summary>
    [Theory]
    [InlineData("create-nat-overlapping.sh", "-j MASQUERADE --random-fully", "iptables -w -t nat -S POSTROUTING")]
    [InlineData("create-nat-overlapping.sh", "-j MASQUERADE --random-fully", "ip6tables -w -t nat -S POSTROUTING")]
    [InlineData("create-overlapping-v4.sh", "-j MASQUERADE --random-fully", "iptables -w -t nat -S POSTROUTING")]
    [InlineData("create-nftables-nat.sh", "masquerade fully-random", "nft list table inet gwlbtun-00000000000000001")]
    public void Should_have_nat_choose_ports_at_random_when_clients_may_overlap(string script, string rule, string list)
    {
        AddDevices(1);
        Call(script, "", "CREATE", 1);
        Assert.Contains(rule, Lab.Appliance.Execute(list.Split(' ')), StringComparison.Ordinal);
    }

    /// <summary>It would swallow what clients wait for.</summary>
    [Fact]
    public void Should_refuse_to_be_a_tap_when_traffic_is_to_be_returned()
    {
        AddDevices(1);
        var refusal = Assert.Throws<InvalidOperationException>(() => Call(Tap, "", "CREATE", 1, gwo: "gwo-1"));
        Assert.Contains("--no-return", refusal.Message, StringComparison.Ordinal);
    }

    private void AddDevices(params int[] endpoints)
    {
        foreach (var endpoint in endpoints)
        {
            foreach (var device in new[] { $"gwi-{endpoint}", $"gwo-{endpoint}" })
            {
                Lab.Appliance.Execute("sysctl", "-qw", "net.ipv6.conf.default.addr_gen_mode=1");
                Lab.Appliance.Ip("tuntap", "add", device, "mode", "tun");
                Lab.Appliance.Ip("link", "set", device, "up");
            }
        }
    }

    private void Call(string script, string variables, string action, int endpoint, string? gwo = null, string? path = null) => Lab.Appliance.Execute(
        [
            "env", "HOOK_UPLINK=uplink", $"HOOK_STATE_DIR={Folder}/state", $"PATH={path}:{Environment.GetEnvironmentVariable("PATH")}",
            .. variables.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            Artifacts.ExampleScript(script), action, $"gwi-{endpoint}", gwo ?? (script == Tap ? "none" : $"gwo-{endpoint}"), $"{endpoint:x17}",
        ]);

    private string[] Snapshots() => Lab.Appliance.Execute("bash", "-c", Snapshot).Split('\n');

    private static string Which(string program) => Command.Run("sh", "-c", $"command -v {program}").Trim();
}
