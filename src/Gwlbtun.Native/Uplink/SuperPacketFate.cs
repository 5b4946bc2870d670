using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Uplink;

/// <summary>What becomes of a UDP super-packet for which an interface has no room.</summary>
internal enum SuperPacketFate
{
    /// <summary>It is refused, and nothing of it has left: it can be sent again.</summary>
    RefusedWhole,

    /// <summary>The same, but a queue that counts bytes may be too small for it: it is then refused for ever, and its packets are not.</summary>
    MayNeverFit,

    /// <summary>
    /// What the device still has room for leaves, and the rest is dropped. That may be told or not (seen with Linux 6.18: not): none is sent again, for it could be there twice.
    /// Super-packets are used there nevertheless, for without a queue a device is full for moments only.
    /// </summary>
    LeavesInPart,

    /// <summary>A queue takes it apart and keeps what it has room for, which for large ones is never all, and nobody is told: nothing is to be sent so.</summary>
    TakenApart,
}

/// <summary>Finds out which. Of several disciplines only the root is looked at: what lies below it, as a tbf of mq, is not seen.</summary>
internal static class SuperPacketFates
{
    /// <summary>What becomes of it at an interface of the calling thread's network namespace.</summary>
    public static SuperPacketFate Of(LinkMessage link) => link.Queueing switch
    {
        LinkMessage.NoQueue => IsTakenWholeBy(link) ? SuperPacketFate.RefusedWhole : SuperPacketFate.LeavesInPart,
        // They take apart what is larger than a burst, queue what fits, and call that a success (tbf_segment in net/sched/sch_tbf.c, taprio_enqueue in sch_taprio.c), or tell of
        // the last part alone (dualpi2_qdisc_enqueue in sch_dualpi2.c).
        "tbf" or "taprio" or "dualpi2" => SuperPacketFate.TakenApart,
        // What a queue has accepted waits there, also after it was taken apart for the device. These count packets, and a super-packet as one.
        "mq" or "pfifo_fast" or "pfifo" or "fq_codel" or "fq" => SuperPacketFate.RefusedWhole,
        _ => SuperPacketFate.MayNeverFit,
    };

    // Without a queue the kernel takes it apart unless the device does all of it (netif_skb_features in net/core/dev.c), and offers the device the parts. Other devices than a
    // veth may hand it on to one that does not.
    private static bool IsTakenWholeBy(LinkMessage link) =>
        link.Kind == "veth"
        && link.SuperPacketBytes > ushort.MaxValue
        && link.SuperPacketSegments >= VirtioNetHeader.MaximumUdpSegments
        && DeviceFeatures.AreOn(link.Name, DeviceFeatures.UdpSegmentation, DeviceFeatures.Checksums);
}
