using System.Diagnostics;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

/// <summary>Programs from outside.</summary>
internal static class Programs
{
    /// <summary>The emulator's own executable, built beside the tests.</summary>
    public static string Emulator { get; } = Path.Combine(AppContext.BaseDirectory, "gwlb-emulator");

    public static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    /// <summary>Runs a program that must succeed, and returns what it wrote.</summary>
    public static string Run(string program, params string[] arguments)
    {
        (int exitCode, string output, string errors) = RunToEnd(program, arguments);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {exitCode}: {output}{errors}");
        return output;
    }

    public static (int ExitCode, string Output, string Errors) RunToEnd(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return (process.ExitCode, output.Result, errors.Result);
    }
}
