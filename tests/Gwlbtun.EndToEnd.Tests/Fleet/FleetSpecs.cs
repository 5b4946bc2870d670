using System.Net;
using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Fleet;

/// <summary>
/// Three handlers behind one load balancer, one after the other drained, killed and replaced, while 300 flows are under way at any time.
/// The load balancer checks health every 0.2 s, and twice before it believes.
/// </summary>
public sealed class FleetSpecs(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gwlbtun-e2e-").FullName;
    private readonly Dictionary<string, string> _variables = [];
    private FleetHandler[] _handlers = [];
    private FleetEmulator? _gwlb;

    internal FleetLab Lab { get; } = new(appliances: 3);

    public Task InitializeAsync()
    {
        _variables["HOOK_STATE_DIR"] = Path.Combine(_folder, "state");
        _variables["HOOK_ROUTE"] = "back";
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        if (_gwlb is not null)
            await _gwlb.Program.DisposeAsync(output);
        foreach (var handler in _handlers)
            await handler.DisposeAsync(output);
        Lab.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Should_lose_no_packet_of_any_flow_when_handlers_are_drained_and_replaced_in_turn()
    {
        var gwlb = await StartAsync("60s", "--patience", "60", "--flow-seconds", "1");
        foreach (var handler in _handlers)
        {
            await gwlb.SayAsync($"phase drain {handler.Address}");
            await handler.BeginDrainAsync();
            await gwlb.WaitForTargetAsync(handler.Address, "unhealthy");
            await gwlb.SayAsync($"phase without {handler.Address}");
            await gwlb.WaitForTargetAsync(handler.Address, "unhealthy, 0 flows");
            Assert.False(handler.Current.Program.HasExited, "it ended before its flows");
            await handler.CutDrainShortAsync();

            await gwlb.SayAsync($"phase renewed {handler.Address}");
            await handler.StartAsync();
            await gwlb.WaitForTargetAsync(handler.Address, "healthy, [1-9]");
        }

        var summary = await StopAsync();
        Assert.Equal(0, summary.GetProperty("lost").GetInt64());
        foreach (var handler in _handlers)
        {
            var (without, renewed) = (Phase(summary, $"without {handler.Address}"), Phase(summary, $"renewed {handler.Address}"));
            Assert.True(Count(without, handler.Address, "returned") > 0, $"no flow was left to go on: {without}");
            Assert.All(_handlers, other => Assert.Equal(other != handler, Count(without, other.Address, "opened") > 0));
            Assert.All(_handlers, other => Assert.True(Count(renewed, other.Address, "opened") > 0, $"{renewed}"));
        }
    }

    [Fact]
    public async Task Should_lose_no_packet_of_flows_that_outlive_their_handlers_when_the_load_balancer_moves_them()
    {
        var gwlb = await StartAsync("60s", "--patience", "60", "--failover", "rebalance", "--deregistration-delay", "1");
        var (failing, leaving) = (_handlers[0], _handlers[1]);

        // One is told to stop, and its health check moves its flows.
        await gwlb.SayAsync("phase failing");
        await failing.BeginDrainAsync();
        await gwlb.WaitForTargetAsync(failing.Address, "unhealthy, 0 flows");
        await failing.CutDrainShortAsync();
        await failing.StartAsync();
        await gwlb.WaitForTargetAsync(failing.Address, "healthy, 0 flows");

        // One is deregistered before it is told to, and the end of the delay moves its flows: to the one that has just begun, too.
        await gwlb.SayAsync("phase leaving");
        await gwlb.SayAsync($"deregister {leaving.Address}");
        await gwlb.WaitForTargetAsync(leaving.Address, "draining, [1-9]");
        await gwlb.WaitForTargetAsync(leaving.Address, "unused, 0 flows");
        await leaving.BeginDrainAsync();
        await leaving.CutDrainShortAsync();

        var summary = await StopAsync();
        Assert.Equal((0, 300), (summary.GetProperty("lost").GetInt64(), summary.GetProperty("flows").GetInt64()));
        Assert.All(_handlers, handler => Assert.Equal(handler != failing, Count(Phase(summary, "failing"), handler.Address, "movedIn") > 0));
        Assert.All(_handlers, handler => Assert.Equal(handler != leaving, Count(Phase(summary, "leaving"), handler.Address, "movedIn") > 0));
    }

    [Fact]
    public async Task Should_carry_on_with_the_flows_of_the_handler_that_it_replaces_when_they_have_stayed()
    {
        var gwlb = await StartAsync("60s", "--patience", "5", "--failover", "no_rebalance", "--max-loss", "100");
        var replaced = _handlers[1];
        await gwlb.SayAsync("phase replaced");
        await replaced.BeginDrainAsync();
        await gwlb.WaitForTargetAsync(replaced.Address, "unhealthy, [1-9]");
        await replaced.CutDrainShortAsync();
        await replaced.StartAsync();
        await replaced.WaitUntilForwardingAsync();
        await gwlb.SayAsync("phase carried on");
        // More than were on their way when the phase began.
        await replaced.WaitForDeliveredAsync(3_000);

        var summary = await StopAsync();
        var (lost, carriedOn) = (summary.GetProperty("lost").GetInt64(), Phase(summary, "carried on"));
        Assert.True(lost > 0, $"there was no gap to get over: {summary}");
        Assert.Equal(lost, Count(Phase(summary, "replaced"), replaced.Address, "lost"));
        Assert.Equal(300, summary.GetProperty("flows").GetInt64());
        Assert.All(_handlers, handler => Assert.Equal((0, 0), (Count(carriedOn, handler.Address, "opened"), Count(carriedOn, handler.Address, "movedIn"))));
        Assert.True(Count(carriedOn, replaced.Address, "returned") >= 500, $"{carriedOn}");
    }

    [Fact]
    public async Task Should_lose_packets_of_its_own_flows_alone_until_its_health_checks_fail_when_a_handler_is_killed()
    {
        var gwlb = await StartAsync("0s", "--patience", "5", "--failover", "rebalance", "--flow-seconds", "3", "--max-loss", "100");
        var killed = _handlers[1];
        await gwlb.SayAsync("phase killed");
        killed.Current.Program.Signal(Signals.Kill);
        await gwlb.WaitForTargetAsync(killed.Address, "unhealthy, [1-9]");
        await gwlb.SayAsync("phase moved");
        await killed.StartAsync();
        await gwlb.WaitForTargetAsync(killed.Address, "healthy, [1-9]");

        var summary = await StopAsync();
        var lost = summary.GetProperty("lost").GetInt64();
        Assert.True(lost > 0, $"{summary}");
        // What was sent a moment before may have been on its way still.
        Assert.Equal(lost, Count(Phase(summary, "start"), killed.Address, "lost") + Count(Phase(summary, "killed"), killed.Address, "lost"));
        Assert.All(_handlers, handler => Assert.Equal(
            handler != killed, Count(Phase(summary, "killed"), handler.Address, "movedIn") + Count(Phase(summary, "moved"), handler.Address, "movedIn") > 0));
    }

    private async Task<FleetEmulator> StartAsync(string drain, params string[] arguments)
    {
        _variables["GWLBTUN_SHUTDOWN_DRAIN"] = drain;
        _handlers = [.. Lab.Appliances.Select(appliance => new FleetHandler(appliance.Network, appliance.Address, _variables))];
        await Task.WhenAll(_handlers.Select(handler => handler.StartAsync()));
        _gwlb = await FleetEmulator.StartAsync(Lab, _folder, arguments);
        // Until then packets wait for the hook.
        foreach (var handler in _handlers)
            await handler.WaitUntilForwardingAsync();
        return _gwlb;
    }

    private async Task<JsonElement> StopAsync()
    {
        var summary = await _gwlb!.StopAsync();
        output.WriteLine($"{summary}");
        return summary;
    }

    private static JsonElement Phase(JsonElement summary, string name) =>
        summary.GetProperty("phases").EnumerateArray().Single(phase => phase.GetProperty("name").GetString() == name).GetProperty("targets");

    private static long Count(JsonElement targets, IPAddress address, string what) => targets.GetProperty($"{address}").GetProperty(what).GetInt64();
}
