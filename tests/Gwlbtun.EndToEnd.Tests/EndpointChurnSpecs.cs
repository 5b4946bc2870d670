using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

[Collection(Alone.Name)]
public sealed class EndpointChurnSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Fact]
    public async Task Should_lose_nothing_of_a_steady_endpoint_while_others_come_go_and_break()
    {
        const int Others = 12;
        var gwlbtun = await StartAsync("-t", "1", "-c", TracingHook(), "-r", TracingHook());
        var steady = new GwlbFlow(Eni, 1);
        await Gwlb.EchoAsync(steady, 0);

        var random = new Random(20260522);
        var start = TimeProvider.System.GetTimestamp();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        uint sent = 0;
        bool IsOver(TimeSpan elapsed) => elapsed >= Wait.Patience || (elapsed >= TimeSpan.FromSeconds(6) && gwlbtun.Program.CountLines("hook DESTROY") > Others / 2);
        for (; !IsOver(TimeProvider.System.GetElapsedTime(start)); await pace.WaitForNextTickAsync())
        {
            Gwlb.Send(steady, steady.Packet(++sent));
            var other = new GwlbFlow(Eni + 1 + (ulong)random.Next(Others), 100);
            // Each other endpoint has its seasons: two thirds of them are silent for longer than the idle time.
            if ((int)(TimeProvider.System.GetElapsedTime(start).TotalSeconds / 2) % 3 == (int)(other.EniId % 3))
                Gwlb.Send(other, other.Packet(sent));
            if (sent % 500 == 0)
                BreakOne(random);
        }

        Assert.Equal(Enumerable.Range(1, (int)sent).Select(n => (uint)n), await DrainAsync(steady, sent));
        Assert.True(gwlbtun.Program.CountLines("hook DESTROY") > Others / 2, "hardly any endpoint went");
        await gwlbtun.StopAsync();
        Assert.DoesNotContain("gwi-", Lab.Appliance.Ip("link"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_refuse_and_count_endpoints_beyond_the_bound()
    {
        Variables["GWLBTUN_TUNNEL_MAX_ENIS"] = "2";
        var gwlbtun = await StartAsync("-j", "-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);
        await Gwlb.EchoAsync(new GwlbFlow(Eni + 1, 2), 0);
        var beyond = new GwlbFlow(Eni + 2, 3);
        Gwlb.Send(beyond, beyond.Packet(0));

        var report = await gwlbtun.WaitForReportAsync(report => Drops(report) == 1);
        Assert.Equal(2, report.GetProperty("enis").GetArrayLength());
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 1);
    }

    private void BreakOne(Random random)
    {
        string[] devices = [.. Lab.Appliance.Ip("-o", "link").Split('\n').Where(line => line.Contains(": gwi-", StringComparison.Ordinal)).Select(line => line.Split(": ")[1]).Where(device => device != Gwi)];
        if (devices.Length > 0)
            Lab.Appliance.Execute("sh", "-c", $"ip link del {devices[random.Next(devices.Length)]} || true"); // it may just have gone
    }

    private async Task<List<uint>> DrainAsync(GwlbFlow steady, uint last)
    {
        List<uint> returned = [];
        while (returned.LastOrDefault() != last)
        {
            var packet = await Gwlb.ReceiveAsync();
            if (packet.From.Port == steady.OuterSourcePort)
                returned.Add(packet.Sequence);
        }
        return returned;
    }
}
