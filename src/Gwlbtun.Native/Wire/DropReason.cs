namespace Gwlbtun.Native.Wire;

/// <summary>
/// Why a packet was refused. Every refusal anywhere in the data plane is exactly one of these, and each has a
/// counter, a line in the health report and a metric. The numeric value indexes counter blocks.
/// </summary>
public enum DropReason : byte
{
    /// <summary>Not dropped. Its counter stays zero.</summary>
    None = 0,

    // ---- Geneve (RFC 8926 section 3.4), as received from the load balancer ----

    /// <summary>The datagram is shorter than the 8-byte Geneve header.</summary>
    GeneveTruncated,

    /// <summary>Geneve version other than 0.</summary>
    GeneveVersion,

    /// <summary>The O (control) bit is set: not a data packet.</summary>
    GeneveControl,

    /// <summary>Protocol type other than IPv4 (0x0800) or IPv6 (0x86DD).</summary>
    GeneveProtocol,

    /// <summary>The options run past the header's stated length or past the datagram.</summary>
    GeneveOptionsOverrun,

    /// <summary>An option of a known type carries a length other than the one it must have.</summary>
    GeneveOptionLength,

    /// <summary>An option of an unknown class or type has the critical bit set (RFC 8926 section 3.5.1).</summary>
    GeneveCriticalOption,

    /// <summary>The endpoint (ENI ID) option, class 0x0108 type 1, is missing.</summary>
    GeneveMissingEniId,

    /// <summary>The attachment ID option, class 0x0108 type 2, is missing.</summary>
    GeneveMissingAttachmentId,

    /// <summary>The flow cookie option, class 0x0108 type 3, is missing.</summary>
    GeneveMissingFlowCookie,

    /// <summary>One of the three required options stands twice: which one to echo would be a guess.</summary>
    GeneveDuplicateOption,

    // ---- the inner packet, in either direction ----

    /// <summary>The inner packet is shorter than its IP header.</summary>
    InnerTruncated,

    /// <summary>The IP version nibble does not say what the Geneve protocol type says, or is neither 4 nor 6.</summary>
    InnerVersion,

    /// <summary>The IP header length or total length is impossible, or runs past what was received.</summary>
    InnerLength,

    // ---- delivering to the tunnel ----

    /// <summary>More endpoints than <c>tunnel.max-enis</c>: this one gets no tunnel.</summary>
    TooManyEnis,

    /// <summary>The endpoint's tunnel is being built or rebuilt, and what may wait for it is full.</summary>
    HoldOverflow,

    /// <summary>The endpoint failed too often and is parked.</summary>
    EniParked,

    /// <summary>The endpoint's tunnel is being retired, or the handler is stopping.</summary>
    EniRetired,

    /// <summary>The kernel refused the write into the tunnel device.</summary>
    TunWriteFailed,

    /// <summary>The datagram did not fit the receive slot, or the kernel truncated it.</summary>
    ReceiveTruncated,

    /// <summary>The outer packet came in fragments, which the load balancer never sends.</summary>
    OuterFragment,

    /// <summary>A data thread met a defect while it had packets in hand.</summary>
    ThreadDied,

    /// <summary>The kernel dropped datagrams because the receive socket's buffer was full (SO_RXQ_OVFL).</summary>
    SocketOverflow,

    // ---- returning to the load balancer ----

    /// <summary>A tunnel device's queue was full: its thread did not keep up. Counted by the kernel.</summary>
    TunQueueOverflow,

    /// <summary>A packet that came out of a device is not what the device says of it (its virtio header).</summary>
    TunOffload,

    /// <summary>A packet came back for which no flow is known: there is no header to return it with.</summary>
    NoFlow,

    /// <summary>A fragment without ports came back, and the first one of its packet did not, or not in time: its flow is not known.</summary>
    FragmentWithoutFirst,

    /// <summary>The kernel itself sent it (router solicitation, MLD, multicast): no returned traffic.</summary>
    KernelChatter,

    /// <summary>The return path refused the packet as too large for the uplink.</summary>
    SendTooBig,

    /// <summary>The uplink's queue was full (ENOBUFS), or stood still for longer than a thread may wait.</summary>
    SendQueueFull,

    /// <summary>The return path refused the packet for another reason.</summary>
    SendFailed,

    /// <summary>The return path has no bound socket for the flow's source port and could not get one.</summary>
    SendNoSocket,

    /// <summary>Packets come back although return traffic is switched off.</summary>
    ReturnDisabled,

    // ---- learning (the packet itself is delivered) ----

    /// <summary>The flow table is full and nothing could give way: the flow was not learned.</summary>
    FlowTableFull,

    /// <summary>The Geneve header has more different shapes than the table keeps: the flow was not learned.</summary>
    FlowHeaderShapes,

    /// <summary>IPv6 extension headers run off the packet or are too many: what flow it belongs to is not known.</summary>
    FlowHeaderChain,
}

/// <summary>What the reasons have in common.</summary>
public static class DropReasons
{
    /// <summary>How many values <see cref="DropReason"/> has, <see cref="DropReason.None"/> included.</summary>
    public const int Count = (int)DropReason.FlowHeaderChain + 1;

    /// <summary>Whether a customer's packet was lost: not so when only its flow was not learned, nor for what the kernel itself sent.</summary>
    public static bool IsLoss(this DropReason reason) =>
        reason is not (DropReason.None or DropReason.KernelChatter or DropReason.FlowTableFull or DropReason.FlowHeaderShapes or DropReason.FlowHeaderChain);
}
