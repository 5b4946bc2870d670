using Akka.Actor;
using Akka.Configuration;
using Akka.Hosting;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Logging;
using Gwlbtun.Actors.Stats;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>Wires the gateway into Akka.Hosting.</summary>
internal static class GatewayHosting
{
    /// <summary>
    /// Adds the actor tree, its settings and its shutdown. <see cref="GatewaySupervisor"/> is registered; it starts on <see cref="StartGateway"/>.
    /// </summary>
    /// <param name="builder">Akka's configuration.</param>
    /// <param name="settings">The configuration.</param>
    /// <param name="dataPlane">Its sockets bound. The actors own it from now on.</param>
    /// <param name="drain">Cuts the drain time short.</param>
    public static AkkaConfigurationBuilder WithGateway(this AkkaConfigurationBuilder builder, GatewaySettings settings, DataPlane dataPlane, Drain drain) => builder
        .AddHocon(settings.Akka.WithFallback(GatewayShutdown.Phases(settings)).WithFallback(Defaults), HoconAddMode.Prepend)
        .ConfigureLoggers(loggers =>
        {
            loggers.ClearLoggers();
            loggers.AddLoggerFactory();
        })
        .WithActors((system, registry, resolver) =>
        {
            // Its first use starts it, and waits for a thread of the pool. By the first endpoints, if they came a hundred at once, all threads would be waiting.
            system.Scheduler.Advanced.ScheduleOnce(TimeSpan.Zero, static () => { });
            var services = resolver.GetService<IServiceProvider>();
            var loggers = services.GetRequiredService<ILoggerFactory>();
            var gateway = system.ActorOf(GatewaySupervisor.Props(settings, dataPlane, new ReportSources(dataPlane.Options), loggers), "gateway");
            registry.Register<GatewaySupervisor>(gateway);
            GatewayShutdown.AddTasks(system, gateway, settings, services.GetService<HealthServer>(), drain, loggers.CreateLogger(LogSections.Core));
        });

    /// <summary>A gateway that fails as a whole ends, and the process with it: whoever supervises the process starts it anew.</summary>
    private static Config Defaults => $"""akka.actor.guardian-supervisor-strategy = "{typeof(StoppingSupervisorStrategy).FullName}" """;
}
