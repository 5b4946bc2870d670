using System.Diagnostics;
using System.Runtime.InteropServices;
using Gwlbtun.Shared;

namespace Gwlbtun.Comparison.Network;

/// <summary>A program that runs in a namespace beside the measurement, until it is told to end by SIGTERM.</summary>
internal sealed partial class BackgroundProgram : IDisposable
{
    private const int Terminate = 15;

    private static readonly TimeSpan _endsWithin = TimeSpan.FromSeconds(10);

    private readonly Process _process;

    private BackgroundProgram(Process process) => _process = process;

    public static BackgroundProgram Start(string networkNamespace, params string[] command) => new(Command.Start(["ip", "netns", "exec", networkNamespace, .. command]));

    /// <summary>Waits for a line on standard output with this in it.</summary>
    public void AwaitOutput(string word) => Await(_process.StandardOutput, word);

    /// <summary>The same on standard error.</summary>
    public void AwaitError(string word) => Await(_process.StandardError, word);

    /// <summary>Ends it, and returns what it printed since.</summary>
    public string End()
    {
        _ = kill(_process.Id, Terminate);
        return _process.StandardOutput.ReadToEnd();
    }

    public void Dispose()
    {
        _ = kill(_process.Id, Terminate);
        if (!_process.WaitForExit(_endsWithin))
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }

    private void Await(StreamReader lines, string word)
    {
        while (lines.ReadLine() is { } line)
        {
            if (line.Contains(word, StringComparison.OrdinalIgnoreCase))
                return;
        }

        throw new InvalidOperationException($"{string.Join(' ', _process.StartInfo.ArgumentList)} ended without saying '{word}': {_process.StandardError.ReadToEnd()}");
    }

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}
