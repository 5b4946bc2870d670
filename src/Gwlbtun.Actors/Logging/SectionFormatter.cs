using System.Globalization;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace Gwlbtun.Actors.Logging;

/// <summary>
/// Writes <c>2026-11-22 21:50:01.123 important [tunnel] message</c>, in local time. Each line of a message or of an exception gets its own head, so that
/// every line of the output can be searched for by section.
/// </summary>
internal sealed class SectionFormatter : ITextFormatter
{
    // l: texts without quotation marks.
    private static readonly MessageTemplateTextFormatter _message = new("{Message:lj}", CultureInfo.InvariantCulture);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        string? category = logEvent.Properties.TryGetValue(Constants.SourceContextPropertyName, out LogEventPropertyValue? value)
            ? (value as ScalarValue)?.Value as string
            : null;
        string head = string.Create(
            CultureInfo.InvariantCulture,
            $"{logEvent.Timestamp:yyyy-MM-dd HH:mm:ss.fff} {LogLevels.Word(logEvent.Level)} [{LogSections.WordOf(category)}] ");

        using var message = new StringWriter(CultureInfo.InvariantCulture);
        _message.Format(logEvent, message);
        WriteLines(output, head, message.ToString());
        if (logEvent.Exception is not null)
            WriteLines(output, head, logEvent.Exception.ToString());
    }

    private static void WriteLines(TextWriter output, string head, string text)
    {
        foreach (ReadOnlySpan<char> line in text.AsSpan().TrimEnd('\n').EnumerateLines())
        {
            output.Write(head);
            output.Write(line);
            output.Write('\n');
        }
    }
}
