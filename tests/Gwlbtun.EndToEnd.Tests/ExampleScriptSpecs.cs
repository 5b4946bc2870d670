using Gwlbtun.EndToEnd.Tests.Programs;
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
        for d in $(ip -o link | awk -F '[ :@]+' '{print $2}'); do tc qdisc show dev $d; tc filter show dev $d ingress; done | grep -v 'index [0-9]* ref'
        true
        """;

    public static TheoryData<string, string> Scripts => new()
    {
        { "create-passthrough.sh", "" }, { "create-route.sh", "host" }, { "create-route.sh", "back" }, { "create-nat.sh", "" },
        { "create-nat-overlapping.sh", "" }, { "create-overlapping-v4.sh", "" }, { "create-local.sh", "" },
    };

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Should_leave_what_was_there_before_when_endpoints_come_and_go_in_any_order(string script, string route)
    {
        AddDevices(1, 2, 3);
        // Somebody else's rules, which must survive.
        Lab.Appliance.Execute("iptables", "-w", "-t", "nat", "-A", "POSTROUTING", "-o", "uplink", "-j", "MASQUERADE");
        Lab.Appliance.Ip("rule", "add", "fwmark", "0x10000/0xfff0000", "lookup", "77");
        var before = Snapshots();

        foreach (var endpoint in new[] { 1, 2, 3, 2 })
            Call(script, route, "CREATE", endpoint);
        var created = Snapshots();
        Call(script, route, "DESTROY", 2);
        Call(script, route, "CREATE", 2);
        Assert.Equal(created.Order(StringComparer.Ordinal), Snapshots().Order(StringComparer.Ordinal));
        foreach (var endpoint in new[] { 3, 1, 2, 2 })
            Call(script, route, "DESTROY", endpoint);
        Assert.Equal(before, Snapshots());
        if (route != "host")
            Assert.NotEqual(before, created);
    }

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Should_undo_what_is_left_when_the_devices_are_gone(string script, string route)
    {
        var before = Snapshots();
        AddDevices(1);
        Call(script, route, "CREATE", 1);
        Lab.Appliance.Ip("link", "del", "gwi-1");
        Lab.Appliance.Ip("link", "del", "gwo-1");
        Call(script, route, "DESTROY", 1);
        Assert.Equal(before, Snapshots());
    }

    [Theory]
    [MemberData(nameof(Scripts))]
    public void Should_undo_what_was_done_when_create_fails_half_way(string script, string route)
    {
        if (route == "host")
            return;
        AddDevices(1);
        var before = Snapshots();
        Assert.Throws<InvalidOperationException>(() => Call(script, route, "CREATE", 1, gwo: "gwo-nowhere"));
        Assert.Equal(before, Snapshots());
    }

    [Theory]
    [InlineData("create-nat.sh", "iptables-legacy")]
    [InlineData("create-nat.sh", "iptables-nft")]
    [InlineData("create-nat-overlapping.sh", "iptables-legacy")]
    [InlineData("create-nat-overlapping.sh", "iptables-nft")]
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
    [InlineData("create-nat-overlapping.sh", "iptables", "ip6tables")]
    [InlineData("create-overlapping-v4.sh", "iptables")]
    public void Should_have_nat_choose_ports_at_random_when_clients_may_overlap(string script, params string[] programs)
    {
        AddDevices(1);
        Call(script, "", "CREATE", 1);
        foreach (var program in programs)
            Assert.Contains("-j MASQUERADE --random-fully", Lab.Appliance.Execute(program, "-w", "-t", "nat", "-S", "POSTROUTING"), StringComparison.Ordinal);
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

    private void Call(string script, string route, string action, int endpoint, string? gwo = null, string? path = null) => Lab.Appliance.Execute(
        "env", "HOOK_UPLINK=uplink", $"HOOK_ROUTE={route}", $"HOOK_STATE_DIR={Folder}/state", $"PATH={path}:{Environment.GetEnvironmentVariable("PATH")}",
        Artifacts.ExampleScript(script), action, $"gwi-{endpoint}", gwo ?? $"gwo-{endpoint}", $"{endpoint:x17}");

    private string[] Snapshots() => Lab.Appliance.Execute("bash", "-c", Snapshot).Split('\n');

    private static string Which(string program) => Command.Run("sh", "-c", $"command -v {program}").Trim();
}
