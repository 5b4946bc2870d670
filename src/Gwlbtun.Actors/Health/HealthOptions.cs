namespace Gwlbtun.Actors.Health;

/// <summary>How the health endpoint answers.</summary>
/// <param name="Port">TCP port, on all addresses; 0 lets the kernel choose one.</param>
/// <param name="Format">What the body is.</param>
/// <param name="StatusOnly">Leave the body empty: the status code says it all.</param>
public sealed record HealthOptions(ushort Port, ReportFormat Format = ReportFormat.Text, bool StatusOnly = false);

/// <summary>What a report looks like.</summary>
public enum ReportFormat
{
    /// <summary>An HTML page with one line per thread, interface and flow cache.</summary>
    Text,

    /// <summary>A JSON document.</summary>
    Json,
}
