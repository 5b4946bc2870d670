namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>How targets are checked (AWS, "Health checks for Gateway Load Balancer target groups").</summary>
internal sealed record HealthCheckOptions(int Port)
{
    /// <summary>HTTP GET with an answer of 200 to 399; otherwise a TCP connection is enough.</summary>
    public bool IsHttp { get; init; }

    public string Path { get; init; } = "/";

    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Consecutive failures that take a target out of service.</summary>
    public int UnhealthyThreshold { get; init; } = 3;

    /// <summary>Consecutive successes that take it back.</summary>
    public int HealthyThreshold { get; init; } = 3;
}
