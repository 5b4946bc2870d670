using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

public sealed class DeviceSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Theory]
    [InlineData(0x0b8ee1d4db0c51c0ul, "1mCyRrMGsrI")]
    [InlineData(ulong.MaxValue, "uur953OEv0f")]
    [InlineData(0ul, "0")]
    public async Task Should_name_the_devices_after_the_endpoint_and_bring_them_up(ulong eni, string name)
    {
        await StartAsync("-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(eni, 1), 0);

        foreach (var device in new[] { $"gwi-{name}", $"gwo-{name}" })
        {
            var link = JsonDocument.Parse(Lab.Appliance.Ip("-j", "addr", "show", "dev", device)).RootElement[0];
            Assert.Equal(8500, link.GetProperty("mtu").GetInt32());
            Assert.Contains("UP", link.GetProperty("flags").EnumerateArray().Select(flag => flag.GetString()));
            Assert.Empty(link.GetProperty("addr_info").EnumerateArray());
        }
    }

    [Fact]
    public async Task Should_switch_reverse_path_filtering_off_on_the_ingress_device()
    {
        // What a host with strict filtering gives to each new device.
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv4.conf.default.rp_filter=1");
        await StartAsync("-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);

        Assert.True(
            SpinWait.SpinUntil(() => Lab.Appliance.Execute("sysctl", "-n", $"net.ipv4.conf.{Gwi}.rp_filter").Trim() == "0", Wait.Patience),
            "rp_filter is still on");
    }

    [Fact]
    public async Task Should_let_no_client_pass_for_a_router()
    {
        Lab.Appliance.Execute("sysctl", "-qw", "net.ipv6.conf.all.forwarding=0");
        await StartAsync("-c", "/bin/true");
        var flow = new GwlbFlow(Eni, 1) { IsV6 = true };

        Gwlb.Send(flow, RouterAdvertisement.Build());

        Assert.True(SpinWait.SpinUntil(() => RouterAdvertisement.HasArrived(Lab.Appliance), Wait.Patience), "it did not come out of the device");
        Assert.Empty(Lab.Appliance.Ip("-6", "route", "show", "default"));
    }

    [Fact]
    public async Task Should_return_what_is_routed_into_the_ingress_device_as_well()
    {
        await StartAsync("-c", Passthrough);
        var flow = new GwlbFlow(Eni, 1);
        await Gwlb.EchoAsync(flow, 0);
        using var gwi = new DeviceSocket(Lab.Appliance, Gwi);
        var reply = flow.Reply(1);
        gwi.Send(reply);
        Assert.Null((await Gwlb.ReceiveAsync()).FaultAs(flow, reply));
    }

    [Fact]
    public async Task Should_deliver_to_the_ingress_device_only_when_nothing_returns()
    {
        var gwlbtun = await StartAsync("--no-return", "-j", "-c", Script("hook", """echo "hook $*"; read -r _ < "$(dirname "$0")/go" """));
        Lab.Appliance.Execute("mkfifo", Path.Combine(Folder, "go"));
        var flow = new GwlbFlow(Eni, 1);
        Gwlb.Send(flow, flow.Packet(0));
        await gwlbtun.Program.WaitForLineAsync($"hook CREATE {Gwi} none {EniText}");
        using var gwi = new DeviceSocket(Lab.Appliance, Gwi);
        await File.WriteAllTextAsync(Path.Combine(Folder, "go"), "\n");

        Assert.Equal(flow.Packet(0), gwi.Receive(Wait.Patience));
        Assert.DoesNotContain(Gwo, Lab.Appliance.Ip("link"), StringComparison.Ordinal);
        var eni = (await gwlbtun.GetReportAsync()).GetProperty("enis")[0];
        Assert.False(eni.TryGetProperty("tunnelOut", out _));
        Assert.False(eni.TryGetProperty("v4FlowCache", out _));
    }
}
