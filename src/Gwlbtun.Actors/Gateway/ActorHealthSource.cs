using Akka.Actor;
using Akka.Hosting;
using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Stats;

namespace Gwlbtun.Actors.Gateway;

/// <summary>Gets the health endpoint's reports from the actor tree.</summary>
internal sealed class ActorHealthSource(IRequiredActor<GatewaySupervisor> gateway) : IHealthSource
{
    public async Task<GatewayReport> ReportAsync(CancellationToken cancellation)
    {
        var actor = await gateway.GetAsync(cancellation).ConfigureAwait(false);
        return await actor.Ask<GatewayReport>(GetReport.Instance, cancellation).ConfigureAwait(false);
    }
}
