using Gwlbtun.Actors.Configuration;
using Serilog.Events;

namespace Gwlbtun.Actors.Logging;

/// <summary>The C++ handler's levels and Serilog's.</summary>
internal static class LogLevels
{
    /// <summary>The least level that a section at <paramref name="level"/> lets through.</summary>
    public static LogEventLevel Minimum(SectionLevel level) => level switch
    {
        SectionLevel.Critical => LogEventLevel.Error,
        SectionLevel.Important => LogEventLevel.Warning,
        SectionLevel.Info => LogEventLevel.Information,
        SectionLevel.Debug => LogEventLevel.Debug,
        _ => LogEventLevel.Verbose,
    };

    /// <summary>The word for an event's level.</summary>
    public static string Word(LogEventLevel level) => level switch
    {
        LogEventLevel.Fatal or LogEventLevel.Error => "critical",
        LogEventLevel.Warning => "important",
        LogEventLevel.Information => "info",
        LogEventLevel.Debug => "debug",
        _ => "debugdetail",
    };
}
