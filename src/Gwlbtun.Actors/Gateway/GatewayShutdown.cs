using System.Globalization;
using Akka;
using Akka.Actor;
using Akka.Configuration;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Receiving;
using Gwlbtun.Actors.Tunnels;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>
/// What is done in which phase of CoordinatedShutdown: fail health and drain; stop receiving; retire the tunnels, DESTROY hooks included; end the threads.
/// </summary>
internal static partial class GatewayShutdown
{
    private static readonly TimeSpan _slack = TimeSpan.FromSeconds(10);

    /// <summary>The phases' time-outs: what each may take at most by the settings, and some slack.</summary>
    public static Config Phases(GatewaySettings settings)
    {
        var hook = settings.Hooks.Timeout + settings.Hooks.KillGrace;
        // Every endpoint's DESTROY, so many at once; a CREATE may be under way on each before.
        var rounds = 1 + ((settings.Tunnel.MaxEnis + settings.Hooks.Parallelism - 1) / settings.Hooks.Parallelism);
        return $$"""
            akka.coordinated-shutdown.phases {
              {{CoordinatedShutdown.PhaseBeforeServiceUnbind}}.timeout = {{Milliseconds(settings.Shutdown.Drain + _slack)}}
              {{CoordinatedShutdown.PhaseServiceUnbind}}.timeout = {{Milliseconds(_slack)}}
              {{CoordinatedShutdown.PhaseServiceRequestsDone}}.timeout = {{Milliseconds((hook * (rounds + 1)) + _slack)}}
              {{CoordinatedShutdown.PhaseServiceStop}}.timeout = {{Milliseconds(_slack)}}
            }
            """;

        static string Milliseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalMilliseconds}ms");
    }

    /// <summary>Adds the tasks. The phases' time-outs bound them.</summary>
    public static void AddTasks(ActorSystem system, IActorRef gateway, GatewaySettings settings, HealthServer? health, Drain drain, ILogger logger)
    {
        var shutdown = CoordinatedShutdown.Get(system);
        var ended = gateway.WatchAsync();
        shutdown.AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "drain", async () =>
        {
            health?.BeginShutdown();
            gateway.Tell(new BeginShutdown());
            if (settings.Shutdown.Drain > TimeSpan.Zero)
                Draining(logger, settings.Shutdown.Drain.TotalSeconds);
            await drain.WaitAsync(settings.Shutdown.Drain).ConfigureAwait(false);
            return Done.Instance;
        });
        shutdown.AddTask(CoordinatedShutdown.PhaseServiceUnbind, "stop-receiving", () => Ask<ReceivingStopped>(new StopReceiving()));
        shutdown.AddTask(CoordinatedShutdown.PhaseServiceRequestsDone, "retire-tunnels", () => Ask<TunnelsRetired>(new RetireTunnels()));
        shutdown.AddTask(CoordinatedShutdown.PhaseServiceStop, "stop-threads", () => Ask<DataPlaneStopped>(new StopDataPlane()));
        if (health is not null)
        {
            shutdown.AddTask(CoordinatedShutdown.PhaseServiceStop, "close-health", async () =>
            {
                await health.StopAsync().ConfigureAwait(false);
                return Done.Instance;
            });
        }

        // A gateway that has failed as a whole answers no more, and has nothing left to do.
        async Task<Done> Ask<TAnswer>(object message)
        {
            var answer = gateway.Ask<TAnswer>(message, Timeout.InfiniteTimeSpan);
            await (await Task.WhenAny(answer, ended).ConfigureAwait(false)).ConfigureAwait(false);
            return Done.Instance;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Health answers 503 from now on; traffic goes on for {Seconds} s (shutdown.drain). A second signal cuts it short.")]
    private static partial void Draining(ILogger logger, double seconds);
}
