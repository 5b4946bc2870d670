using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;

namespace Gwlbtun.EndToEnd.Tests.Release;

/// <summary>A host that systemd runs: its own processes, /etc, /opt, /run and control groups, in the network of a namespace.</summary>
internal sealed class SystemdHost : IAsyncDisposable
{
    private static readonly string _boot = Repository.PathOf("tests/Gwlbtun.EndToEnd.Tests/Release/boot-systemd.sh");

    private readonly RunningProgram _program;
    private readonly int _systemd;

    private SystemdHost(RunningProgram program, int systemd)
    {
        _program = program;
        _systemd = systemd;
    }

    public static async Task<SystemdHost> BootAsync(NetworkNamespace network)
    {
        var program = RunningProgram.Start(["ip", "netns", "exec", network.Name, _boot]);
        try
        {
            var booted = await program.WaitForLineAsync("^booted ([0-9]+)$");
            return new SystemdHost(program, int.Parse(booted.Groups[1].ValueSpan));
        }
        catch
        {
            await program.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a shell script on the host, and returns what it printed; throws when it fails.</summary>
    public string Run(string script) => Command.Run("nsenter", "--target", $"{_systemd}", "--all", "bash", "-ec", script);

    /// <summary>A property of the unit gwlbtun.</summary>
    public string Property(string name) => Run($"systemctl show --value --property {name} gwlbtun").TrimEnd();

    public async ValueTask DisposeAsync()
    {
        // The first process of a PID namespace takes all others with it.
        Signals.Send(_systemd, Signals.Kill);
        await _program.WaitForExitAsync();
        await _program.DisposeAsync();
    }
}
