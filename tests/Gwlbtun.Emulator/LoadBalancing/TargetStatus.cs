namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>A target's state, in AWS's words ("Target health status").</summary>
internal enum TargetStatus
{
    /// <summary>It gets new flows.</summary>
    Healthy,

    /// <summary>Its health checks fail.</summary>
    Unhealthy,

    /// <summary>It was deregistered, less than the deregistration delay ago.</summary>
    Draining,

    /// <summary>It was deregistered, and the delay is over.</summary>
    Unused,
}
