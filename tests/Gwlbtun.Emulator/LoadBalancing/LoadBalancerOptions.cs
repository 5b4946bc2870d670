using System.Net;
using Gwlbtun.Emulator.Judging;

namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>What every mode sets.</summary>
internal sealed record LoadBalancerOptions
{
    /// <summary>The endpoint ID that examples and tests use.</summary>
    public const ulong DefaultEndpoint = 0x0b8ee1d4db0c51c0;

    /// <summary>The targets' addresses.</summary>
    public required IReadOnlyList<IPAddress> Appliances { get; init; }

    /// <summary>The load balancer's own outer address.</summary>
    public required IPAddress Local { get; init; }

    /// <summary>Outer addresses besides <see cref="Local"/>: nodes of the load balancer that flows are spread over.</summary>
    public IReadOnlyList<IPAddress> FurtherNodes { get; init; } = [];

    /// <summary>All outer addresses.</summary>
    public IEnumerable<IPAddress> Nodes => [Local, .. FurtherNodes];

    /// <summary>The Geneve port; AWS has 6081 always.</summary>
    public int Port { get; init; } = 6081;

    /// <summary>The first endpoint; the others follow it.</summary>
    public ulong EndpointBase { get; init; } = DefaultEndpoint;

    public int Endpoints { get; init; } = 1;

    /// <summary>Attachment IDs of zero, as AWS sends them so far; else each flow has its own.</summary>
    public bool ZeroAttachmentId { get; init; }

    /// <summary>Idle time-outs: 60 to 6,000 s for TCP at AWS, 120 s for everything else.</summary>
    public TimeSpan TcpIdle { get; init; } = TimeSpan.FromSeconds(350);

    public TimeSpan OtherIdle { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Send new flows to all targets when none is healthy.</summary>
    public bool FailOpen { get; init; }

    /// <summary>What becomes of the flows of a target that is out of service.</summary>
    public Failover Failover { get; init; }

    /// <summary>How long a deregistered target is draining (AWS: 0 to 3,600 s).</summary>
    public TimeSpan DeregistrationDelay { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>Cookies follow from it; two runs never share cookies unless it is set.</summary>
    public ulong Seed { get; init; } = (ulong)Random.Shared.NextInt64();

    /// <summary>No health check: the targets are in service always.</summary>
    public HealthCheckOptions? HealthCheck { get; init; }

    /// <summary>Faults that do not spoil the verdict.</summary>
    public IReadOnlySet<Judgement> Allowed { get; init; } = new HashSet<Judgement>();
}
