using System.Collections.Concurrent;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace Gwlbtun.Actors.Logging;

/// <summary>
/// Hands events to another sink on a thread of its own. Who logs never waits: not for a reader that has stalled, nor for one that is
/// gone. What does not fit meanwhile is dropped, and counted in a line of its own once there is room.
/// </summary>
internal sealed class BackgroundSink : ILogEventSink, IDisposable
{
    private static readonly MessageTemplate _droppedTemplate = new MessageTemplateParser().Parse("{Lines} log messages were dropped: standard output is too slow.");

    private readonly ILogEventSink _sink;
    private readonly BlockingCollection<LogEvent> _events;
    private readonly Thread _writer;
    private readonly TimeSpan _patienceAtTheEnd;
    private long _dropped;

    /// <param name="sink">What writes them.</param>
    /// <param name="capacity">How many may wait.</param>
    /// <param name="patienceAtTheEnd">How long those that wait in the end may take; null is two seconds.</param>
    public BackgroundSink(ILogEventSink sink, int capacity = 8192, TimeSpan? patienceAtTheEnd = null)
    {
        _patienceAtTheEnd = patienceAtTheEnd ?? TimeSpan.FromSeconds(2);
        _sink = sink;
        _events = new BlockingCollection<LogEvent>(capacity);
        _writer = new Thread(WriteAll, maxStackSize: 256 * 1024) { IsBackground = true, Name = "gwlbtun Logger" };
        _writer.Start();
    }

    public void Emit(LogEvent logEvent)
    {
        try
        {
            if (_events.TryAdd(logEvent))
                return;
        }
        catch (InvalidOperationException)
        {
            // Disposed: nobody is left to write it.
        }

        Interlocked.Increment(ref _dropped);
    }

    /// <summary>Writes what is waiting, as long as that may take.</summary>
    public void Dispose()
    {
        _events.CompleteAdding();
        if (_writer.Join(_patienceAtTheEnd))
        {
            _events.Dispose();
            (_sink as IDisposable)?.Dispose();
        }
    }

    private void WriteAll()
    {
        foreach (LogEvent logEvent in _events.GetConsumingEnumerable())
        {
            long dropped = Interlocked.Exchange(ref _dropped, 0);
            if (dropped > 0)
                Write(Dropped(dropped));
            Write(logEvent);
        }
    }

    private void Write(LogEvent logEvent)
    {
        try
        {
            _sink.Emit(logEvent);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
            // Standard output is gone. Packets go on without it.
        }
    }

    private static LogEvent Dropped(long count) => new(
        DateTimeOffset.Now,
        LogEventLevel.Warning,
        exception: null,
        _droppedTemplate,
        [new LogEventProperty("Lines", new ScalarValue(count)), new LogEventProperty(Constants.SourceContextPropertyName, new ScalarValue(LogSections.Core))]);
}
