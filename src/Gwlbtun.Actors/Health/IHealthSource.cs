using Gwlbtun.Actors.Stats;

namespace Gwlbtun.Actors.Health;

/// <summary>Where the health endpoint gets its report.</summary>
public interface IHealthSource
{
    /// <summary>Takes a report. It must not block; the endpoint stops waiting when the token is cancelled.</summary>
    Task<GatewayReport> ReportAsync(CancellationToken cancellation);
}
