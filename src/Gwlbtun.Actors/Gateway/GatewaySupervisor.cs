using Akka.Actor;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Lifecycle;
using Gwlbtun.Actors.Logging;
using Gwlbtun.Actors.Receiving;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Actors.Tunnels;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>
/// The root of the actor tree. Starts its children in the order in which they depend on each other, and passes on what is asked of the gateway
/// as a whole: a report, the steps of shutting down.
/// </summary>
internal sealed class GatewaySupervisor : ReceiveActor
{
    private readonly GatewaySettings _settings;
    private readonly DataPlane _dataPlane;
    private readonly ReportSources _reports;
    private readonly ILoggerFactory _loggers;

    private IActorRef _stats = ActorRefs.Nobody;
    private IActorRef _lifecycle = ActorRefs.Nobody;
    private IActorRef _tunnels = ActorRefs.Nobody;
    private IActorRef _receiver = ActorRefs.Nobody;
    private IActorRef _startAwaitedBy = ActorRefs.Nobody;
    private IActorRef _stopAwaitedBy = ActorRefs.Nobody;

    public GatewaySupervisor(GatewaySettings settings, DataPlane dataPlane, ReportSources reports, ILoggerFactory loggers)
    {
        _settings = settings;
        _dataPlane = dataPlane;
        _reports = reports;
        _loggers = loggers;

        Receive<GetReport>(query => _stats.Forward(query));

        Receive<StartGateway>(_ =>
        {
            _startAwaitedBy = Sender;
            _tunnels.Tell(new StartTunnels());
        });
        Receive<TunnelsStarted>(_ => _receiver.Tell(new StartReceiving()));
        Receive<ReceivingStarted>(_ => _startAwaitedBy.Tell(new GatewayStarted()));
        Receive<StartFailed>(failed => _startAwaitedBy.Tell(failed));

        Receive<CarrierReplaced>(replaced => _receiver.Forward(replaced));

        Receive<BeginShutdown>(_ => _stats.Tell(ShutdownBegun.Instance));
        Receive<StopReceiving>(stop => _receiver.Forward(stop));
        Receive<RetireTunnels>(retire => _tunnels.Forward(retire));
        Receive<StopDataPlane>(_ =>
        {
            _stopAwaitedBy = Sender;
            _stats.Tell(new EndReports());
        });
        Receive<ReportsEnded>(_ => _tunnels.Tell(new StopTunnelThreads()));
        Receive<TunnelThreadsStopped>(_ => _stopAwaitedBy.Tell(new DataPlaneStopped()));
    }

    /// <param name="settings">The configuration.</param>
    /// <param name="dataPlane">Its sockets bound. The actors own it from now on.</param>
    /// <param name="reports">Where what is reported is kept.</param>
    /// <param name="loggers">Where everybody logs.</param>
    public static Props Props(GatewaySettings settings, DataPlane dataPlane, ReportSources reports, ILoggerFactory loggers) =>
        Akka.Actor.Props.Create(() => new GatewaySupervisor(settings, dataPlane, reports, loggers));

    protected override void PreStart()
    {
        _stats = Context.ActorOf(StatsActor.Props(_reports), "stats");
        _lifecycle = Context.ActorOf(
            LifecycleActor.Props(_settings.Hooks, _settings.Tunnel.IdleTimeout, _reports.Hooks, _loggers.CreateLogger(LogSections.Tunnel)), "lifecycle");
        _tunnels = Context.ActorOf(
            TunnelSupervisor.Props(new TunnelServices(_settings, _dataPlane, _lifecycle, _stats, _loggers.CreateLogger(LogSections.Tunnel))), "tunnels");
        _receiver = Context.ActorOf(
            ReceiverActor.Props(_dataPlane, _settings.Restart, _stats, _loggers.CreateLogger(LogSections.Udp)), "receiver");
        _dataPlane.Relay.Connect(_receiver, _tunnels);
    }

    /// <summary>
    /// A child that throws has met a defect. Those that own threads and tunnels go on with the next message: to restart them would cost every
    /// endpoint its traffic for a fault that concerned one message. The others keep what matters outside of themselves, and are restarted.
    /// </summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(
        maxNrOfRetries: -1,
        withinTimeMilliseconds: -1,
        localOnlyDecider: defect => defect switch
        {
            ActorInitializationException => Directive.Escalate,
            _ when Sender.Equals(_tunnels) || Sender.Equals(_receiver) => Directive.Resume,
            _ => Directive.Restart,
        });
}
