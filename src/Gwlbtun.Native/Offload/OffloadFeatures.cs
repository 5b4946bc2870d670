using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Offload;

/// <summary>Which kinds of packets cross the kernel as super-packets.</summary>
/// <param name="Into">On their way into a tunnel device.</param>
/// <param name="OutOf">On their way out of one.</param>
/// <param name="Send">Whether the kernel takes UDP super-packets from a packet socket, and takes them apart for a device that does not.</param>
internal readonly record struct OffloadFeatures(MergeKinds Into, MergeKinds OutOf, bool Send)
{
    public static readonly OffloadFeatures None = new(MergeKinds.None, MergeKinds.None, false);

    public static readonly OffloadFeatures All = new(MergeKinds.All, MergeKinds.All, true);

    /// <summary>What a device's reader has to take off the kernel to be given them whole.</summary>
    public TunOffloads ForDevice => OffloadsFor(OutOf);

    /// <summary>UDP comes for both IP versions or neither, and nothing without checksums left open: the kernel wants it so.</summary>
    public static TunOffloads OffloadsFor(MergeKinds kinds)
    {
        var offloads = TunOffloads.None;
        if ((kinds & MergeKinds.Tcp4) != 0)
            offloads |= TunOffloads.Tso4;
        if ((kinds & MergeKinds.Tcp6) != 0)
            offloads |= TunOffloads.Tso6;
        if ((kinds & (MergeKinds.Udp4 | MergeKinds.Udp6)) == (MergeKinds.Udp4 | MergeKinds.Udp6))
            offloads |= TunOffloads.Uso4 | TunOffloads.Uso6;
        return offloads == TunOffloads.None ? offloads : offloads | TunOffloads.Checksum;
    }

    public static MergeKinds KindsOf(TunOffloads offloads) =>
        ((offloads & TunOffloads.Tso4) != 0 ? MergeKinds.Tcp4 : MergeKinds.None)
        | ((offloads & TunOffloads.Tso6) != 0 ? MergeKinds.Tcp6 : MergeKinds.None)
        | ((offloads & TunOffloads.Uso4) != 0 ? MergeKinds.Udp4 | MergeKinds.Udp6 : MergeKinds.None);
}
