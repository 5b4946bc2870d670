using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>What the tests stand on: a lab, a load balancer in it, and the gwlbtun that the test starts. All gone afterwards.</summary>
public abstract class ApplianceSpecs(ITestOutputHelper output) : IAsyncLifetime
{
    /// <summary>The endpoint that most tests use; its devices are gwi-1mCyRrMGsrI and gwo-1mCyRrMGsrI.</summary>
    internal const ulong Eni = 0x0b8ee1d4db0c51c0;
    internal const string EniText = "00b8ee1d4db0c51c0";
    internal const string Gwi = "gwi-1mCyRrMGsrI";
    internal const string Gwo = "gwo-1mCyRrMGsrI";

    /// <summary>The egress device of the endpoint that comes next, <see cref="Eni"/> + 1.</summary>
    internal const string OtherGwo = "gwo-1mCyRrMGsrJ";

    /// <summary>The hook that hands everything straight back.</summary>
    internal static readonly string Passthrough = Artifacts.ExampleScript("create-passthrough.sh");

    private readonly List<GwlbtunProcess> _started = [];

    internal ApplianceLab Lab { get; } = new();

    internal LoadBalancerPeer Gwlb { get; private set; } = null!;

    /// <summary>A folder of this test alone.</summary>
    internal string Folder { get; } = Directory.CreateTempSubdirectory("gwlbtun-e2e-").FullName;

    /// <summary>The environment of the gwlbtun that is started next, beside the test's own.</summary>
    internal Dictionary<string, string> Variables { get; } = [];

    internal ITestOutputHelper Output => output;

    public virtual Task InitializeAsync()
    {
        Gwlb = new LoadBalancerPeer(Lab.Gwlb);
        Variables["HOOK_STATE_DIR"] = Path.Combine(Folder, "state");
        return Task.CompletedTask;
    }

    public virtual async Task DisposeAsync()
    {
        // Where packets were lost, if any were.
        output.WriteLine(Lab.Appliance.Execute("sh", "-c", "ip -s link; grep Udp: /proc/net/snmp"));
        foreach (var gwlbtun in _started)
            await gwlbtun.Program.DisposeAsync(output);
        Gwlb.Dispose();
        Lab.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Starts gwlbtun with these arguments and waits until it is ready.</summary>
    internal Task<GwlbtunProcess> StartAsync(params string[] arguments) => StartWrappedAsync([], arguments);

    /// <summary>The same through a command that executes what follows it.</summary>
    internal async Task<GwlbtunProcess> StartWrappedAsync(string[] wrapper, params string[] arguments)
    {
        var started = GwlbtunProcess.Launch(Lab.Appliance, arguments, Variables, wrapper);
        _started.Add(started);
        await started.WaitUntilReadyAsync();
        return started;
    }

    /// <summary>Starts a gwlbtun that is expected to give up, and returns its exit code and what it said.</summary>
    internal async Task<(int ExitCode, string Log)> FailAsync(string[] wrapper, params string[] arguments)
    {
        var started = GwlbtunProcess.Launch(Lab.Appliance, arguments, Variables, wrapper);
        _started.Add(started);
        var code = await started.Program.WaitForExitAsync();
        return (code, started.Program.Log);
    }

    /// <summary>How many packets a report counts as dropped, for whatever reason.</summary>
    internal static long Drops(JsonElement report) => report.GetProperty("drops").EnumerateObject().Sum(drop => drop.Value.GetInt64());

    /// <summary>A hook that hands everything straight back, and leaves "hook" with its arguments in the log.</summary>
    internal string TracingHook() => Script("tracing-hook", $"echo \"hook $*\"; exec {Passthrough} \"$@\"");

    /// <summary>Writes an executable script into <see cref="Folder"/> and returns its path.</summary>
    internal string Script(string name, string body)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllText(path, $"#!/bin/bash\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }
}
