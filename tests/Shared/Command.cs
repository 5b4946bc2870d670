using System.ComponentModel;
using System.Diagnostics;

namespace Gwlbtun.Shared;

/// <summary>Short commands, run to their end.</summary>
internal static class Command
{
    /// <summary>Runs a command that must succeed, and returns what it printed.</summary>
    /// <exception cref="InvalidOperationException">It is not there, or failed: with what it said.</exception>
    public static string Run(params string[] command)
    {
        (int exitCode, string output, string errors) = Try(command);
        return exitCode == 0 ? output : throw new InvalidOperationException($"'{string.Join(' ', command)}' failed with {exitCode}: {(errors + output).Trim()}");
    }

    /// <summary>Runs a command.</summary>
    /// <exception cref="InvalidOperationException">It is not there.</exception>
    public static (int ExitCode, string Output, string Errors) Try(params string[] command)
    {
        using Process process = Start(command);
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    /// <summary>Starts a command, its output to be read.</summary>
    /// <exception cref="InvalidOperationException">It is not there.</exception>
    public static Process Start(IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProcessStartInfo start = StartInfo(command);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"'{command[0]}' cannot be started: {e.Message}", e);
        }
    }

    /// <summary>How a command is started whose output is to be read, and that reads what it is given.</summary>
    public static ProcessStartInfo StartInfo(IReadOnlyList<string> command) =>
        new(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
}
