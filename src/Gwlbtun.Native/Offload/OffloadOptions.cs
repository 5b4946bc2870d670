namespace Gwlbtun.Native.Offload;

/// <summary>Which packets are to cross the kernel as super-packets, over both IP versions, where the kernel is found able to.</summary>
public sealed record OffloadOptions
{
    /// <summary>None.</summary>
    public static OffloadOptions None { get; } = new() { IntoTcp = false, IntoUdp = false, OutOfTcp = false, OutOfUdp = false, Join = false };

    /// <summary>TCP on its way into a tunnel.</summary>
    public bool IntoTcp { get; init; } = true;

    /// <summary>UDP on its way into a tunnel.</summary>
    public bool IntoUdp { get; init; } = true;

    /// <summary>TCP on its way out of a tunnel.</summary>
    public bool OutOfTcp { get; init; } = true;

    /// <summary>UDP on its way out of a tunnel.</summary>
    public bool OutOfUdp { get; init; } = true;

    /// <summary>What came out of a tunnel as a super-packet goes back to the load balancer as one.</summary>
    public bool Send { get; init; } = true;

    /// <summary>Packets of one size that go back on the same outer addresses and ports go back as one, whichever flows they are of; for packets of which <see cref="Send"/> is true.</summary>
    public bool Join { get; init; } = true;

    internal OffloadFeatures Features => new(KindsOf(IntoTcp, IntoUdp), KindsOf(OutOfTcp, OutOfUdp), Send);

    private static MergeKinds KindsOf(bool tcp, bool udp) =>
        (tcp ? MergeKinds.Tcp4 | MergeKinds.Tcp6 : MergeKinds.None) | (udp ? MergeKinds.Udp4 | MergeKinds.Udp6 : MergeKinds.None);
}
