using System.Net;

namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>An appliance behind the load balancer. Its state is written by the health checker and read by the data loop.</summary>
internal sealed class Target(IPAddress address)
{
    private volatile bool _isHealthy = true;

    public IPAddress Address { get; } = address;

    /// <summary>The address as it stands in memory, in network byte order.</summary>
    public uint NetworkOrder { get; } = BitConverter.ToUInt32(address.GetAddressBytes());

    /// <summary>Whether new flows may be sent to it. Without a health check always.</summary>
    public bool IsHealthy
    {
        get => _isHealthy;
        set => _isHealthy = value;
    }
}
