using Akka.Actor;
using Akka.Hosting;
using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Logging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>
/// Starts the gateway and its health endpoint when the actor system runs; CoordinatedShutdown stops them. No hosted service: the host would log
/// what cannot be started with all its insides, and the user is to read one clear message.
/// </summary>
internal sealed partial class GatewayStarter(
    IReadOnlyActorRegistry registry, GatewaySettings settings, IHostApplicationLifetime lifetime, Drain drain, ILoggerFactory loggers, HealthServer? health = null)
{
    private static readonly TimeSpan _startPatience = TimeSpan.FromSeconds(30);

    private readonly ILogger _logger = loggers.CreateLogger(LogSections.Core);

    /// <exception cref="GatewayStartException">The data plane cannot be started.</exception>
    /// <exception cref="HealthPortException">The health port cannot be opened.</exception>
    public async Task StartAsync()
    {
        try
        {
            await StartGatewayAsync().ConfigureAwait(false);
        }
        catch
        {
            // What has not served has nothing to drain.
            drain.CutShort();
            throw;
        }

        // Says nothing where no service manager listens (sd_notify(3)).
        new SystemdNotifier().Notify(ServiceState.Ready);
        Ready(_logger, ProgramVersion.Full, settings.Geneve.Bind, settings.Geneve.Port, settings.Threads.Udp.Count, settings.Threads.Tunnel.Count);
    }

    private async Task StartGatewayAsync()
    {
        if (!registry.TryGet<GatewaySupervisor>(out var actor))
            throw new GatewayStartException("The actor system did not start; the log says why.");
        _ = WatchAsync(actor);
        if (await actor.Ask<object>(new StartGateway(), _startPatience).ConfigureAwait(false) is StartFailed failed)
            throw new GatewayStartException(failed.Reason);
        if (health is not null)
            await health.StartAsync().ConfigureAwait(false);
    }

    private async Task WatchAsync(IActorRef actor)
    {
        await actor.WatchAsync().ConfigureAwait(false);
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            return;
        Failed(_logger);
        Environment.ExitCode = 1;
        lifetime.StopApplication();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "gwlbtun {Version} is ready: Geneve on UDP {Address}:{Port}, {ReceiveThreads} receive and {TunnelThreads} tunnel threads")]
    private static partial void Ready(ILogger logger, string version, System.Net.IPAddress address, ushort port, int receiveThreads, int tunnelThreads);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The gateway has failed; the process ends")]
    private static partial void Failed(ILogger logger);
}

/// <summary>The gateway cannot be started; the message is for the user.</summary>
internal sealed class GatewayStartException(string reason) : Exception(reason);
