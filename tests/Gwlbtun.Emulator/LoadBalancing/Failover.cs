namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>
/// What becomes of the flows of a target that fails or is deregistered (AWS, "Edit target group attributes": target_failover.on_unhealthy and
/// on_deregistration, which must be the same).
/// </summary>
internal enum Failover
{
    /// <summary>They stay with it, also when that means that they are lost.</summary>
    NoRebalance,

    /// <summary>They are hashed anew to healthy targets: when it turns unhealthy, or when the deregistration delay is over.</summary>
    Rebalance,
}
