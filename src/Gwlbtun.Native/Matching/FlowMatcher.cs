using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Matching;

/// <summary>
/// Finds the header that a packet returns to the load balancer with: by its own 5-tuple, by the fragments that it belongs
/// to, or by the packet that it quotes. One for each endpoint; any number of threads learn and find at once.
/// </summary>
/// <remarks>
/// docs/flow-matching.md has the cases one by one. Nearly every packet is whole and no ICMP: it costs one look-up in <see cref="Flows"/>.
/// </remarks>
public sealed class FlowMatcher : IDisposable
{
    // The fragments of one packet follow each other within milliseconds; the identification of a busy sender may come again after seconds.
    private static readonly TimeSpan _newPacketAfter = TimeSpan.FromSeconds(1);

    // Fewer than flows have: what is not learned here costs a fragment, not a connection.
    private const int FragmentHeaderShapes = 1_023;

    // The sweeper's own.
    private bool _areFragmentsSwept;

    /// <summary>Creates an empty matcher.</summary>
    /// <param name="flows">The flow table's bounds.</param>
    /// <param name="fragments">The bounds of what is remembered of fragments.</param>
    /// <param name="budget">What the flow tables of all endpoints may hold together; null when only the table's own bounds count.</param>
    public FlowMatcher(FlowTableOptions flows, FragmentOptions fragments, FlowBudget? budget = null)
    {
        ArgumentNullException.ThrowIfNull(flows);
        ArgumentNullException.ThrowIfNull(fragments);
        Flows = new FlowTable(flows, budget);
        Fragments = new FlowTable(new FlowTableOptions
        {
            MaxFlows = fragments.MaxRecords,
            TcpIdle = fragments.Timeout,
            UdpIdle = fragments.Timeout,
            OtherIdle = fragments.Timeout,
            // The slots are two teachers here, not two directions: neither outdates what the other taught.
            NewCookieEndsFlow = false,
            // Identifications come round again: what is taught so much later is another packet.
            RenewAfter = _newPacketAfter,
            MaxHeaderShapes = FragmentHeaderShapes,
            // A packet with many fragments is no more worth keeping than one with two.
            PrefersEstablished = false,
            Prefetches = flows.Prefetches,
        });
    }

    /// <summary>The flows, by 5-tuple.</summary>
    public FlowTable Flows { get; }

    /// <summary>The fragmented packets, by addresses, protocol and identification.</summary>
    public FlowTable Fragments { get; }

    /// <summary>
    /// Names the flow, or the fragmented packet, that a packet belongs to by its own header, and has it brought into the cache. To be
    /// called for a whole batch before the first of it is learned or looked up.
    /// </summary>
    /// <param name="packet">The inner packet.</param>
    /// <param name="inner">What parsing it found.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FlowProbe Prefetch(ReadOnlySpan<byte> packet, in InnerPacket inner) => inner.IsLaterFragment
        ? Fragments.Prefetch(FlowKey.OfFragment(packet, inner, FragmentTeacher.LoadBalancer))
        : Flows.Prefetch(FlowKey.From(packet, inner));

    /// <summary>Notes the header of a packet that came from the load balancer.</summary>
    /// <param name="probe">What <see cref="Prefetch"/> made of the packet.</param>
    /// <param name="packet">The inner packet.</param>
    /// <param name="inner">What parsing it found.</param>
    /// <param name="geneveHeader">The whole Geneve header with its options, as it came.</param>
    /// <param name="parsed">What parsing that found.</param>
    /// <param name="path">Where the datagram came from and where it arrived.</param>
    /// <param name="nowMs">Coarse monotonic time, milliseconds.</param>
    /// <returns>Why it was not noted, or <see cref="DropReason.None"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DropReason Learn(
        in FlowProbe probe, ReadOnlySpan<byte> packet, in InnerPacket inner, ReadOnlySpan<byte> geneveHeader, in GwlbGeneveHeader parsed, in OuterPath path, long nowMs)
    {
        if (inner.HasBrokenHeaderChain)
            return DropReason.FlowHeaderChain;
        return inner.IsLaterFragment
            ? Fragments.Learn(probe, geneveHeader, parsed, path, nowMs).Reason
            : Flows.Learn(probe, geneveHeader, parsed, path, nowMs, SignalOf(packet, inner)).Reason;
    }

    /// <summary>The header to return a packet with.</summary>
    /// <param name="probe">What <see cref="Prefetch"/> made of the packet.</param>
    /// <param name="packet">The packet.</param>
    /// <param name="inner">What parsing it found.</param>
    /// <param name="headerOut">Receives the Geneve header as it came; at least 260 bytes.</param>
    /// <param name="path">The way back.</param>
    /// <param name="nowMs">Coarse monotonic time, milliseconds.</param>
    /// <returns>The header's length, or 0 when it belongs to no flow that is known.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(in FlowProbe probe, ReadOnlySpan<byte> packet, in InnerPacket inner, Span<byte> headerOut, out OuterPath path, long nowMs) =>
        inner.IsFragment || inner.HasBrokenHeaderChain || inner.Protocol is IpProtocol.Icmp or IpProtocol.IcmpV6
            ? FindSpecial(probe, packet, inner, headerOut, out path, nowMs)
            : Flows.Find(probe, headerOut, out path, nowMs, SignalOf(packet, inner));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int FindSpecial(in FlowProbe probe, ReadOnlySpan<byte> packet, in InnerPacket inner, Span<byte> headerOut, out OuterPath path, long nowMs)
    {
        if (inner.IsLaterFragment)
            return Fragments.Find(probe, headerOut, out path, nowMs);
        if (inner.HasBrokenHeaderChain)
        {
            path = default;
            return 0;
        }

        int length = IcmpError.TryReadQuote(packet, inner, out ReadOnlySpan<byte> quote)
            ? FindError(probe, inner.Version, quote, headerOut, out path, nowMs)
            : Flows.Find(probe, headerOut, out path, nowMs, SignalOf(packet, inner));
        if (length != 0 && inner.IsFirstFragment)
            RememberFirst(packet, inner, headerOut[..length], path, nowMs);
        return length;
    }

    // An error that the load balancer sent in goes on with its own header. One that was born here or behind answers the packet that it
    // quotes. What is left is one of a kind whose sender and receiver the load balancer knows for another ICMP flow.
    private int FindError(in FlowProbe probe, byte version, ReadOnlySpan<byte> quote, Span<byte> headerOut, out OuterPath path, long nowMs)
    {
        int length = Flows.FindExact(probe, headerOut, out path, nowMs);
        if (length == 0)
            length = FindQuoted(version, quote, headerOut, out path, nowMs);
        return length != 0 ? length : Flows.Find(probe, headerOut, out path, nowMs);
    }

    private int FindQuoted(byte version, ReadOnlySpan<byte> quote, Span<byte> headerOut, out OuterPath path, long nowMs)
    {
        path = default;
        // A flow's Geneve header says its IP version: one of the other is of no use.
        if (!InnerPacket.TryParseQuote(quote, out InnerPacket quoted) || quoted.Version != version)
            return 0;
        if (quoted.IsLaterFragment)
            return Fragments.Find(FlowKey.OfFragment(quote, quoted, FragmentTeacher.LoadBalancer), headerOut, out path, nowMs);
        return quoted.HasBrokenHeaderChain ? 0 : Flows.Find(FlowKey.From(quote, quoted).Reversed(), headerOut, out path, nowMs);
    }

    // The packet's other fragments have no ports: they will go the way of the first.
    private void RememberFirst(ReadOnlySpan<byte> packet, in InnerPacket inner, ReadOnlySpan<byte> geneveHeader, in OuterPath path, long nowMs)
    {
        // It was accepted when it was learned.
        _ = GwlbGeneveHeader.TryParse(geneveHeader, out GwlbGeneveHeader parsed);
        _ = Fragments.Learn(FlowKey.OfFragment(packet, inner, FragmentTeacher.FirstFragment), geneveHeader, parsed, path, nowMs);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TcpSignal SignalOf(ReadOnlySpan<byte> packet, in InnerPacket inner) =>
        Flows.TracksClosing && inner.Protocol == IpProtocol.Tcp ? TcpFlags.SignalOf(packet, inner) : TcpSignal.None;

    /// <summary>Forgets what has been idle too long, a slice at a time. One thread at a time.</summary>
    /// <param name="nowMs">Coarse monotonic time, milliseconds.</param>
    /// <param name="budget">About how many places to visit.</param>
    /// <returns>Whether both tables have been gone through to their ends.</returns>
    public bool Sweep(long nowMs, int budget)
    {
        // One after the other: a round is complete however different they are in size.
        if (!_areFragmentsSwept)
        {
            _areFragmentsSwept = Fragments.Sweep(nowMs, budget).WrappedAround;
            return false;
        }

        if (!Flows.Sweep(nowMs, budget).WrappedAround)
            return false;
        _areFragmentsSwept = false;
        return true;
    }

    /// <summary>Frees the memory. No thread may be in the matcher, nor come back to it.</summary>
    public void Dispose()
    {
        Flows.Dispose();
        Fragments.Dispose();
    }
}
