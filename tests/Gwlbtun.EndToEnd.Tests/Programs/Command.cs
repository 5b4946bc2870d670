using System.Diagnostics;

namespace Gwlbtun.EndToEnd.Tests.Programs;

/// <summary>Short commands, run to their end.</summary>
internal static class Command
{
    /// <summary>Runs a short command to its end and returns what it printed on standard output; throws when it fails.</summary>
    public static string Run(string file, params string[] arguments)
    {
        using var process = Process.Start(StartInfo([file, .. arguments]))!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"'{file} {string.Join(' ', arguments)}' failed with {process.ExitCode}: {errors.Result}{output}");
    }

    public static ProcessStartInfo StartInfo(IReadOnlyList<string> command) =>
        new(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
}
