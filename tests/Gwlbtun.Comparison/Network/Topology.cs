namespace Gwlbtun.Comparison.Network;

/// <summary>What the link between load balancer and appliance takes off the kernel's hands.</summary>
internal enum Topology
{
    /// <summary>Like a cloud's network card: checksums, but no UDP or TCP segmentation.</summary>
    Nic,

    /// <summary>An ideal veth: takes super-packets whole.</summary>
    Veth,
}
