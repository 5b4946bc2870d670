using Akka.Actor;
using Akka.Hosting;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Logging;
using Gwlbtun.Native.Linux;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serilog.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>The process from decided settings to its exit code.</summary>
internal static partial class GatewayProcess
{
    /// <summary>Checks the machine, binds, serves until a signal comes, and stops in order.</summary>
    /// <returns>The exit code: 0 after an ordered stop, 1 when it could not start or failed as a whole.</returns>
    public static async Task<int> RunAsync(GatewaySettings settings, IReadOnlyList<string> notices, StopSignals signals)
    {
        var preflight = Preflight.Run(settings);
        if (preflight.Errors.Count > 0)
            return Refuse(string.Join("\ngwlbtun: ", preflight.Errors));

        var serilog = GatewayLogging.CreateLogger(settings.Logging);
        using var loggers = new SerilogLoggerFactory(serilog, dispose: true);
        var logger = loggers.CreateLogger(LogSections.Core);
        foreach (var notice in notices.Concat(preflight.Warnings))
            Notice(logger, notice);

        try
        {
            var options = settings.ToDataPlane().WithOffloadsThatWork(out var missingOffloads);
            if (missingOffloads is not null)
                MissingOffloads(loggers.CreateLogger(LogSections.Tunnel), missingOffloads);
            var dataPlane = DataPlane.Bind(options, loggers);
            WarnOfShortBuffers(loggers.CreateLogger(LogSections.Udp), dataPlane);
            using var drain = new Drain();
            using var host = Build(settings, dataPlane, drain, signals, loggers);
            return await ServeAsync(host).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LinuxException or GatewayStartException or HealthPortException)
        {
            return Refuse(e.Message);
        }
    }

    private static async Task<int> ServeAsync(IHost host)
    {
        ResolveActorSystem(host.Services);
        await host.StartAsync().ConfigureAwait(false);
        try
        {
            await host.Services.GetRequiredService<GatewayStarter>().StartAsync().ConfigureAwait(false);
        }
        catch
        {
            await host.StopAsync().ConfigureAwait(false);
            throw;
        }

        await host.WaitForShutdownAsync().ConfigureAwait(false);
        return Environment.ExitCode;
    }

    /// <summary>Makes the actor system. Any of Akka's settings may be wrong, and each is found out in its own way.</summary>
    private static void ResolveActorSystem(IServiceProvider services)
    {
        try
        {
            services.GetRequiredService<ActorSystem>();
        }
        catch (Exception e)
        {
            throw new GatewayStartException($"Akka.NET does not start: {e.GetBaseException().Message} Check the akka section of the configuration.");
        }
    }

    internal static IHost Build(GatewaySettings settings, DataPlane dataPlane, Drain drain, StopSignals signals, ILoggerFactory loggers)
    {
        // Without the defaults: no configuration files, no environment, no event log, all of which cost start-up time.
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true, ContentRootPath = "/" });
        builder.Services
            .AddSingleton(loggers)
            .AddSingleton(settings)
            .AddSingleton(drain)
            .AddSingleton(signals)
            .AddSingleton<IHostLifetime, SignalLifetime>()
            // The phases of CoordinatedShutdown have their own time-outs.
            .Configure<HostOptions>(options => options.ShutdownTimeout = Timeout.InfiniteTimeSpan)
            .AddAkka("gwlbtun", akka => akka.WithGateway(settings, dataPlane, drain))
            .AddSingleton<GatewayStarter>();
        if (settings.Health.Port != 0)
        {
            builder.Services.AddSingleton<IHealthSource, ActorHealthSource>();
            builder.Services.AddSingleton(services => new HealthServer(services.GetRequiredService<IHealthSource>(), settings.Health, loggers));
        }

        return builder.Build();
    }

    private static void WarnOfShortBuffers(ILogger logger, DataPlane dataPlane)
    {
        var buffer = dataPlane.Sockets[0].ReceiveBuffer;
        if (buffer.IsShort)
            ShortBuffer(logger, buffer.Granted, buffer.Requested);
    }

    private static int Refuse(string message)
    {
        Console.Error.WriteLine($"gwlbtun: {message}");
        return 1;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Text}")]
    private static partial void Notice(ILogger logger, string text);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Some packets cross the kernel one by one, at a higher cost (tunnel.offload): {What}.")]
    private static partial void MissingOffloads(ILogger logger, string what);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Receive buffers of {Granted} bytes were granted in place of {Requested} (geneve.receive-buffer): bursts may be lost. Raise net.core.rmem_max, or grant CAP_NET_ADMIN.")]
    private static partial void ShortBuffer(ILogger logger, int granted, int requested);
}
