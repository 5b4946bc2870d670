using System.Net;
using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Fleet;

/// <summary><c>gwlb-emulator fleet</c>, running in the load balancer's namespace: new and old flows for all appliances, until it is stopped.</summary>
internal sealed class FleetEmulator
{
    private readonly string _summary;

    // Lines that were printed before what is awaited was caused.
    private int _seen;

    private FleetEmulator(RunningProgram program, string summary)
    {
        Program = program;
        _summary = summary;
    }

    public RunningProgram Program { get; }

    /// <summary>Starts it; returns when every target is healthy and has flows.</summary>
    public static async Task<FleetEmulator> StartAsync(FleetLab lab, string folder, params string[] arguments)
    {
        var summary = Path.Combine(folder, "fleet.json");
        string[] targets = [.. lab.Appliances.SelectMany(appliance => (string[])["--appliance", $"{appliance.Address}"])];
        string[] health = ["--health-port", $"{GwlbtunProcess.HealthPort}", "--health-http", "--health-interval", "0.2", "--health-timeout", "30", "--health-threshold", "2"];
        var started = new FleetEmulator(
            RunningProgram.Start(["ip", "netns", "exec", lab.Gwlb.Name, Artifacts.Emulator, "fleet", .. targets, .. health, "--json", summary, .. arguments]), summary);
        foreach (var (_, address) in lab.Appliances)
            await started.WaitForTargetAsync(address, "healthy, [1-9]");
        return started;
    }

    /// <summary>Tells it something, as an operator does, and returns when it has done so. What is awaited from now on is what comes after that.</summary>
    public async Task SayAsync(string command)
    {
        _seen = Program.LineCount;
        await Program.WriteLineAsync(command);
        await Program.WaitForLineAsync($"^{command}$", after: _seen);
    }

    /// <summary>Waits until it says so of a target: its status, and how many flows it has.</summary>
    public Task WaitForTargetAsync(IPAddress address, string state) => Program.WaitForLineAsync($"^target {address} {state}", after: _seen);

    /// <summary>Stops it, asserts that it objects to nothing that came back, and returns its summary.</summary>
    public async Task<JsonElement> StopAsync()
    {
        Program.Signal(Signals.Terminate);
        var code = await Program.WaitForExitAsync(3 * Wait.Patience);
        Assert.True(code == 0, $"gwlb-emulator ended with {code}:\n{Program.Log}");
        return JsonDocument.Parse(await File.ReadAllTextAsync(_summary)).RootElement;
    }
}
