using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tests;

/// <summary>A logger that keeps what it is told, and lets a test wait for a line.</summary>
internal sealed class CapturedLog : ILogger
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly List<string> _lines = [];
    private readonly List<(string Part, TaskCompletionSource Seen)> _awaited = [];

    public string[] Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    /// <summary>Waits until a line that contains <paramref name="part"/> has been logged.</summary>
    public Task Contains(string part)
    {
        lock (_lines)
        {
            if (_lines.Exists(line => line.Contains(part, StringComparison.Ordinal)))
                return Task.CompletedTask;
            var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited.Add((part, seen));
            return seen.Task.WaitAsync(_patience);
        }
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var line = $"{logLevel}: {formatter(state, exception)}";
        lock (_lines)
        {
            _lines.Add(line);
            _awaited.RemoveAll(waiter => line.Contains(waiter.Part, StringComparison.Ordinal) && waiter.Seen.TrySetResult());
        }
    }

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
}
