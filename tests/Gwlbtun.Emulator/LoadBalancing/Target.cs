using System.Net;

namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>An appliance behind the load balancer. The health checker writes whether it is healthy; the rest is the data loop's.</summary>
internal sealed class Target(IPAddress address)
{
    private volatile bool _isHealthy = true;

    public IPAddress Address { get; } = address;

    /// <summary>The address as it stands in memory, in network byte order.</summary>
    public uint NetworkOrder { get; } = BitConverter.ToUInt32(address.GetAddressBytes());

    /// <summary>Whether its health checks pass. Without a health check always.</summary>
    public bool IsHealthy
    {
        get => _isHealthy;
        set => _isHealthy = value;
    }

    /// <summary>Milliseconds when it was deregistered; null while it is registered.</summary>
    public long? DeregisteredMs { get; private set; }

    public void Register() => DeregisteredMs = null;

    public void Deregister(long nowMs) => DeregisteredMs ??= nowMs;
}
