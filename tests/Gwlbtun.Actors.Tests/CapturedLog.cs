using Gwlbtun.Shared;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tests;

/// <summary>A logger that keeps what it is told, and lets a test wait for a line.</summary>
internal sealed class CapturedLog : ILogger
{
    private readonly List<string> _lines = [];
    private readonly List<(string Part, int Times, TaskCompletionSource Seen)> _awaited = [];

    public string[] Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    /// <summary>Waits until so many lines that contain <paramref name="part"/> have been logged.</summary>
    public async Task Contains(string part, int times = 1)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lines)
        {
            if (Count(part) >= times)
                return;
            _awaited.Add((part, times, seen));
        }

        try
        {
            await seen.Task.WaitAsync(Wait.Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Not logged {times} times within {Wait.Patience}: {part}\n{string.Join('\n', Lines)}");
        }
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var line = $"{logLevel}: {formatter(state, exception)}";
        lock (_lines)
        {
            _lines.Add(line);
            _awaited.RemoveAll(waiter => Count(waiter.Part) >= waiter.Times && waiter.Seen.TrySetResult());
        }
    }

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    private int Count(string part) => _lines.Count(line => line.Contains(part, StringComparison.Ordinal));
}
