using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Programs;

/// <summary>gwlb-emulator, running in the load balancer's namespace.</summary>
internal sealed class EmulatorProcess(RunningProgram program)
{
    public RunningProgram Program { get; } = program;

    /// <summary>Bridges a client's and a server's namespace through the appliance; returns when both devices are there.</summary>
    public static async Task<EmulatorProcess> BridgeAsync(ApplianceLab lab, NetworkNamespace client, NetworkNamespace server, params string[] arguments)
    {
        var started = new EmulatorProcess(Start(lab, ["bridge", "--client-netns", client.Name, "--server-netns", server.Name, .. arguments]));
        await started.Program.WaitForLineAsync("^ready");
        return started;
    }

    /// <summary>Sends generated flows to the end, and asserts that nothing was wrong with what came back; returns the summary.</summary>
    public static async Task<JsonElement> BlastAsync(ApplianceLab lab, string folder, params string[] arguments)
    {
        const int Tries = 3;
        var file = Path.Combine(folder, "blast.json");
        for (var tries = 1; ; tries++)
        {
            File.Delete(file);
            await using var program = Start(lab, ["blast", "--json", file, "--patience", "60", .. arguments]);
            var code = await program.WaitForExitAsync(3 * Wait.Patience);
            var summary = File.Exists(file) ? JsonDocument.Parse(await File.ReadAllTextAsync(file)).RootElement : default;
            if (code == 0)
                return summary;
            // A record of fragments that was unused for a second is of an earlier packet: where the machine stalls for as long, gwlbtun rightly takes
            // some for it.
            var hasStalled = arguments.Contains("--fragments") && summary.ValueKind == JsonValueKind.Object && summary.GetProperty("latencyMicroseconds").GetProperty("max").GetDouble() >= 1e6;
            Assert.True(hasStalled && tries < Tries, $"gwlb-emulator ended with {code}:\n{program.Log}");
        }
    }

    /// <summary>Stops it, and asserts that it objects to nothing that came back.</summary>
    public async Task StopAsync()
    {
        Program.Signal(Signals.Terminate);
        var code = await Program.WaitForExitAsync();
        Assert.True(code == 0, $"gwlb-emulator ended with {code}:\n{Program.Log}");
    }

    private static RunningProgram Start(ApplianceLab lab, string[] arguments) =>
        RunningProgram.Start(["ip", "netns", "exec", lab.Gwlb.Name, Artifacts.Emulator, .. arguments, "--appliance", $"{ApplianceLab.ApplianceAddress}"]);
}
