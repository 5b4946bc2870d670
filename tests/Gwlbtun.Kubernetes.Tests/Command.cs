using System.ComponentModel;
using System.Diagnostics;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>Short commands, run to their end.</summary>
internal static class Command
{
    /// <summary>Runs a command and returns what it printed.</summary>
    /// <exception cref="InvalidOperationException">It is not there, or failed: with what it said.</exception>
    public static string Run(params string[] command)
    {
        (int exitCode, string output, string errors) = Try(command);
        return exitCode == 0 ? output : throw new InvalidOperationException($"'{string.Join(' ', command)}' failed with {exitCode}: {errors.Trim()}");
    }

    /// <summary>Runs a command.</summary>
    /// <exception cref="InvalidOperationException">It is not there.</exception>
    public static (int ExitCode, string Output, string Errors) Try(params string[] command)
    {
        ProcessStartInfo start = new(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output, errors.Result);
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"'{command[0]}' cannot be started: {e.Message}", e);
        }
    }
}
