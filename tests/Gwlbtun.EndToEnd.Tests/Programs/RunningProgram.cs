using System.Diagnostics;
using System.Text.RegularExpressions;
using Gwlbtun.Shared;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Programs;

/// <summary>A program that runs beside the test: its lines are kept and can be waited for.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private readonly Process _process;
    private readonly List<string> _lines = [];
    private TaskCompletionSource _lineAdded = NewSignal();

    private RunningProgram(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public DateTime StartTime => _process.StartTime;

    /// <summary>Everything it printed so far, on standard output and standard error.</summary>
    public string Log
    {
        get
        {
            lock (_lines)
                return string.Join('\n', _lines);
        }
    }

    /// <summary>How many lines it printed so far.</summary>
    public int LineCount
    {
        get
        {
            lock (_lines)
                return _lines.Count;
        }
    }

    public static RunningProgram Start(IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment = null)
    {
        var program = new RunningProgram(new Process { StartInfo = Command.StartInfo(command) });
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            program._process.StartInfo.Environment[name] = value;
        program._process.OutputDataReceived += (_, line) => program.Add(line.Data);
        program._process.ErrorDataReceived += (_, line) => program.Add(line.Data);
        program._process.Start();
        program._process.BeginOutputReadLine();
        program._process.BeginErrorReadLine();
        return program;
    }

    /// <summary>
    /// Waits until a line matches, or so many, and returns the match; throws when the program ends or the time is up without one. The first
    /// <paramref name="after"/> lines do not count.
    /// </summary>
    public async Task<Match> WaitForLineAsync(string pattern, TimeSpan? within = null, int occurrence = 1, int after = 0)
    {
        var regex = new Regex(pattern, RegexOptions.IgnoreCase);
        using var timeout = new CancellationTokenSource(within ?? Wait.Patience);
        var exited = _process.WaitForExitAsync(CancellationToken.None);
        for (var next = after; ;)
        {
            Task added;
            lock (_lines)
            {
                for (; next < _lines.Count; next++)
                {
                    if (regex.Match(_lines[next]) is { Success: true } match && --occurrence == 0)
                        return match;
                }
                added = _lineAdded.Task;
            }
            try
            {
                // WaitForExitAsync completes after the last line was read.
                if (await Task.WhenAny(added, exited).WaitAsync(timeout.Token) == exited && !added.IsCompleted)
                    throw new InvalidOperationException($"{Describe()} ended with {ExitCode} before it printed '{pattern}':\n{Log}");
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"{Describe()} did not print '{pattern}' in time:\n{Log}");
            }
        }
    }

    /// <summary>How many lines match.</summary>
    public int CountLines(string pattern)
    {
        lock (_lines)
            return _lines.Count(line => Regex.IsMatch(line, pattern, RegexOptions.IgnoreCase));
    }

    /// <summary>Says something to it on its standard input.</summary>
    public async Task WriteLineAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    public void Signal(int signal) => Signals.Send(Id, signal);

    /// <summary>Waits for its end and returns the exit code.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan? within = null)
    {
        using var timeout = new CancellationTokenSource(within ?? Wait.Patience);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{Describe()} did not end in time:\n{Log}");
        }
        return ExitCode;
    }

    /// <summary>Kills it if it still runs, and leaves its log with the test.</summary>
    public async Task DisposeAsync(ITestOutputHelper output)
    {
        await DisposeAsync();
        output.WriteLine($"--- {Describe()} ---\n{Log}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private string Describe() => $"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)}";

    private void Add(string? line)
    {
        if (line is null)
            return;
        TaskCompletionSource added;
        lock (_lines)
        {
            _lines.Add(line);
            added = _lineAdded;
            _lineAdded = NewSignal();
        }
        added.SetResult();
    }
}
