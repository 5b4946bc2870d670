using System.Net;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

[Collection(Alone.Name)]
public sealed class TunnelRecoverySpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    // That it is noticed within so long is what is shown, but not on a machine that stands still meanwhile: one of several times will do.
    private const int Tries = 5;

    private static readonly TimeSpan _noticedWithin = TimeSpan.FromSeconds(1);

    private readonly GwlbFlow _broken = new(Eni, 1);
    private readonly GwlbFlow _other = new(Eni + 1, 2);

    [Theory]
    [InlineData("del", Gwi)]
    [InlineData("del", Gwo)]
    [InlineData("down", Gwi)]
    [InlineData("down", Gwo)]
    public async Task Should_rebuild_the_pair_and_leave_other_endpoints_alone_when_a_device_fails_under_traffic(string fault, string device)
    {
        // All but the first CREATE wait, so that the time of failure can be seen from outside.
        var mayEnd = Path.Combine(Folder, "may-end");
        var gwlbtun = await StartAsync("-c", Script("hook", $"""
            echo "hook $*"
            until [ -e {mayEnd} ]; do sleep 0.02; done
            exec {Passthrough} "$@"
            """));
        await File.WriteAllTextAsync(mayEnd, "");
        await Gwlb.EchoAsync(_broken, 0);
        await Gwlb.EchoAsync(_other, 0);

        using var stop = new CancellationTokenSource();
        var traffic = Task.Run(() => SendAsync(stop.Token));
        TimeSpan noticed;
        var breaks = 0;
        do
        {
            File.Delete(mayEnd);
            Break(fault, device);
            breaks++;
            noticed = await gwlbtun.WaitForHealthAsync(HttpStatusCode.ServiceUnavailable);
            await File.WriteAllTextAsync(mayEnd, "");
            var healed = await gwlbtun.WaitForHealthAsync(HttpStatusCode.OK);
            Output.WriteLine($"noticed after {noticed}, healed after {healed} more");
        }
        while (noticed > _noticedWithin && breaks < Tries);
        Assert.True(noticed <= _noticedWithin, "it was noticed too late each time");
        await stop.CancelAsync();
        var sent = await traffic;
        Output.WriteLine($"{sent} packets sent to each endpoint");

        var (fromBroken, fromOther) = await DrainAsync(sent);
        Assert.Equal(Enumerable.Range(1, sent).Select(n => (uint)n), fromOther);
        Assert.Equal(fromBroken.Order(), fromBroken);
        Assert.Equal(1 + breaks, gwlbtun.Program.CountLines($"hook CREATE {Gwi} {Gwo}"));
        Assert.False(gwlbtun.Program.HasExited);
    }

    [Fact]
    public async Task Should_keep_the_flows_when_the_pair_is_rebuilt()
    {
        var gwlbtun = await StartAsync("-c", TracingHook());
        await Gwlb.EchoAsync(_broken, 0);
        Break("del", Gwi);
        await gwlbtun.Program.WaitForLineAsync($"hook CREATE {Gwi} {Gwo}", occurrence: 2);
        await gwlbtun.WaitForHealthAsync(HttpStatusCode.OK);

        // A reply finds its flow although nothing arrived from the load balancer since.
        using var gwo = new DeviceSocket(Lab.Appliance, Gwo);
        var reply = _broken.Reply(1);
        gwo.Send(reply);
        Assert.Null((await Gwlb.ReceiveAsync()).FaultAs(_broken, reply));
    }

    private void Break(string fault, string device)
    {
        if (fault == "del")
            Lab.Appliance.Ip("link", "del", device);
        else
            Lab.Appliance.Ip("link", "set", device, "down");
    }

    /// <summary>Sends a packet to each endpoint every millisecond or so; returns how many.</summary>
    private async Task<int> SendAsync(CancellationToken stop)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        var sent = 0;
        while (!stop.IsCancellationRequested)
        {
            sent++;
            Gwlb.Send(_broken, _broken.Packet((uint)sent));
            Gwlb.Send(_other, _other.Packet((uint)sent));
            await pace.WaitForNextTickAsync(CancellationToken.None);
        }
        return sent;
    }

    /// <summary>What came back of each endpoint, once both returned the last packet.</summary>
    private async Task<(List<uint> Broken, List<uint> Other)> DrainAsync(int last)
    {
        List<uint> fromBroken = [], fromOther = [];
        while (fromBroken.LastOrDefault() != last || fromOther.LastOrDefault() != last)
        {
            var packet = await Gwlb.ReceiveAsync();
            (packet.Cookie == _broken.Cookie ? fromBroken : fromOther).Add(packet.Sequence);
        }
        return (fromBroken, fromOther);
    }
}
