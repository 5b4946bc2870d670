using Akka.Actor;
using Akka.Hosting;
using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Logging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>Starts the gateway and its health endpoint when the actor system runs. They are stopped by CoordinatedShutdown, not here.</summary>
internal sealed partial class GatewayService(
    IRequiredActor<GatewaySupervisor> gateway, GatewaySettings settings, IHostApplicationLifetime lifetime, Drain drain, ILoggerFactory loggers, HealthServer? health = null)
    : IHostedService
{
    private static readonly TimeSpan _startPatience = TimeSpan.FromSeconds(30);

    private readonly ILogger _logger = loggers.CreateLogger(LogSections.Core);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await StartGatewayAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // What has not served has nothing to drain.
            drain.CutShort();
            throw;
        }

        Ready(_logger, ProgramVersion.Full, settings.Geneve.Bind, settings.Geneve.Port, settings.Threads.Udp.Count, settings.Threads.Tunnel.Count);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task StartGatewayAsync(CancellationToken cancellationToken)
    {
        var actor = await gateway.GetAsync(cancellationToken).ConfigureAwait(false);
        _ = WatchAsync(actor);
        var answer = await actor.Ask<object>(new StartGateway(), _startPatience, cancellationToken).ConfigureAwait(false);
        if (answer is StartFailed failed)
            throw new GatewayStartException(failed.Reason);
        if (health is not null)
            await health.StartAsync(cancellationToken).ConfigureAwait(false);
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
