using Gwlbtun.Actors.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Serilog;
using Serilog.Configuration;
using Serilog.Core;

namespace Gwlbtun.Actors.Logging;

/// <summary>Sets logging up: Serilog's console sink, a level for each section.</summary>
public static class GatewayLogging
{
    /// <summary>A logger that writes to standard output without ever holding up who logs. Dispose it last: that writes what is waiting.</summary>
    /// <param name="levels">The level of each section.</param>
    public static Logger CreateLogger(LoggingSettings levels) =>
        CreateLogger(levels, new BackgroundSink(LoggerSinkConfiguration.CreateSink(to => to.Console(new SectionFormatter()))));

    /// <summary>Makes <paramref name="logger"/> the one behind every <c>ILogger</c> of the host, Akka's included; the host disposes it.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="logger">From <see cref="CreateLogger(LoggingSettings)"/>.</param>
    public static IServiceCollection AddGatewayLogging(this IServiceCollection services, Logger logger) =>
        services.AddSerilog(logger, dispose: true);

    internal static Logger CreateLogger(LoggingSettings levels, ILogEventSink sink) => new LoggerConfiguration()
        .MinimumLevel.Is(LogLevels.Minimum(levels.Core))
        .MinimumLevel.Override(LogSections.Udp, LogLevels.Minimum(levels.Udp))
        .MinimumLevel.Override(LogSections.Geneve, LogLevels.Minimum(levels.Geneve))
        .MinimumLevel.Override(LogSections.Tunnel, LogLevels.Minimum(levels.Tunnel))
        .MinimumLevel.Override(LogSections.Healthcheck, LogLevels.Minimum(levels.Healthcheck))
        .MinimumLevel.Override(LogSections.WebServer, LogLevels.Minimum(levels.Healthcheck))
        .MinimumLevel.Override(LogSections.Os, LogLevels.Minimum(levels.Os))
        .MinimumLevel.Override(LogSections.Ebpf, LogLevels.Minimum(levels.Ebpf))
        .WriteTo.Sink(sink)
        .CreateLogger();
}
