namespace Gwlbtun.Emulator.Bridging;

/// <summary>Where a side's TUN device is made.</summary>
/// <param name="Device">Interface name.</param>
/// <param name="Namespace">Network namespace, by name or path; null is the emulator's own.</param>
internal sealed record SideOptions(string Device, string? Namespace);

/// <summary>What to bridge.</summary>
internal sealed record BridgeOptions
{
    public required SideOptions Client { get; init; }

    public required SideOptions Server { get; init; }

    /// <summary>The largest inner packet that the load balancer carries (AWS: 8500).</summary>
    public int Mtu { get; init; } = 8500;

    /// <summary>How often to print what flowed; null is never.</summary>
    public TimeSpan? StatsEvery { get; init; }
}
