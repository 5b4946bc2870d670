using System.Collections.Concurrent;
using System.Globalization;
using Gwlbtun.Actors.Logging;
using Serilog.Core;
using Serilog.Events;

namespace Gwlbtun.Actors.Tests.Logging;

/// <summary>Keeps the lines that would be written, without their time.</summary>
internal sealed class CollectingSink : ILogEventSink
{
    private readonly ConcurrentQueue<string> _lines = [];

    public string[] Lines => [.. _lines];

    /// <summary>What to do before each line is kept.</summary>
    public Action BeforeEach { get; init; } = () => { };

    public void Emit(LogEvent logEvent)
    {
        BeforeEach();
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        new SectionFormatter().Format(logEvent, output);
        foreach (string line in output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries))
            _lines.Enqueue(line["2026-11-22 21:50:01.123 ".Length..]);
    }
}
