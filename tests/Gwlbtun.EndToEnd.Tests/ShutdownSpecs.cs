using System.Net;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

public sealed class ShutdownSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Theory]
    [InlineData(Signals.Terminate)]
    [InlineData(Signals.Interrupt)]
    public async Task Should_run_every_destroy_hook_and_leave_no_device_when_told_to_stop(int signal)
    {
        var gwlbtun = await StartAsync("-c", TracingHook(), "-r", TracingHook());
        foreach (var n in Enumerable.Range(0, 5))
            await Gwlb.EchoAsync(new GwlbFlow(Eni + (ulong)n, n), 0);

        await gwlbtun.StopAsync(signal);
        Assert.Equal(5, gwlbtun.Program.CountLines("hook DESTROY gwi-.* gwo-.*"));
        Assert.DoesNotContain("gwi-", Lab.Appliance.Ip("link"), StringComparison.Ordinal);
        Assert.DoesNotContain("gwo-", Lab.Appliance.Ip("link"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_fail_health_and_carry_traffic_on_while_draining()
    {
        Variables["GWLBTUN_SHUTDOWN_DRAIN"] = "60s";
        var gwlbtun = await StartAsync("-c", Passthrough);
        var flow = new GwlbFlow(Eni, 1);
        await Gwlb.EchoAsync(flow, 0);

        gwlbtun.Program.Signal(Signals.Terminate);
        await gwlbtun.WaitForHealthAsync(HttpStatusCode.ServiceUnavailable);
        var start = TimeProvider.System.GetTimestamp();
        for (uint sequence = 1; TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(1); sequence++)
            await Gwlb.EchoAsync(flow, sequence);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gwlbtun.GetHealthAsync()).Status);
        await gwlbtun.StopAsync();
    }

    [Fact]
    public async Task Should_end_when_it_has_drained_for_as_long_as_it_is_told()
    {
        Variables["GWLBTUN_SHUTDOWN_DRAIN"] = "2s";
        var gwlbtun = await StartAsync("-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);

        var start = TimeProvider.System.GetTimestamp();
        await gwlbtun.StopAsync();
        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromSeconds(2), "it did not drain for 2 s");
    }

    [Fact]
    public async Task Should_cut_the_drain_short_when_a_second_signal_comes()
    {
        Variables["GWLBTUN_SHUTDOWN_DRAIN"] = "60s";
        var gwlbtun = await StartAsync("-c", TracingHook(), "-r", TracingHook());
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);
        gwlbtun.Program.Signal(Signals.Terminate);
        await gwlbtun.WaitForHealthAsync(HttpStatusCode.ServiceUnavailable);
        await gwlbtun.StopAsync(Signals.Terminate, TimeSpan.FromSeconds(30));
        Assert.Equal(1, gwlbtun.Program.CountLines("hook DESTROY"));
    }

    [Fact]
    public async Task Should_undo_a_create_hook_that_was_still_running_when_told_to_stop()
    {
        var gwlbtun = await StartAsync("-c", Script("slow", "echo \"hook $*\"; sleep 1; echo finished $1"), "-r", TracingHook());
        var flow = new GwlbFlow(Eni, 1);
        Gwlb.Send(flow, flow.Packet(0));
        await gwlbtun.Program.WaitForLineAsync("hook CREATE");
        await gwlbtun.StopAsync();
        Assert.Equal(1, gwlbtun.Program.CountLines("hook DESTROY"));
        // Whether it ended by itself or was ended: never after its undoing began.
        Assert.DoesNotMatch("(?s)hook DESTROY.*finished CREATE", gwlbtun.Program.Log);
        Assert.DoesNotContain("gwi-", Lab.Appliance.Ip("link"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_start_and_stop_every_time_when_repeated()
    {
        // E2E_CYCLES=200 for the long run.
        var cycles = int.Parse(Environment.GetEnvironmentVariable("E2E_CYCLES") ?? "20");
        for (var cycle = 0; cycle < cycles; cycle++)
        {
            var gwlbtun = await StartAsync("-c", Passthrough);
            await Gwlb.EchoAsync(new GwlbFlow(Eni, cycle), (uint)cycle);
            await gwlbtun.StopAsync(cycle % 2 == 0 ? Signals.Terminate : Signals.Interrupt);
        }
    }
}
