using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Matching;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>A datagram from the load balancer that was read and found good, and the flow that it belongs to.</summary>
internal unsafe struct ReceivedPacket
{
    /// <summary>The Geneve header; the inner packet follows it.</summary>
    public byte* Datagram;

    public GwlbGeneveHeader Geneve;

    public InnerPacket Inner;

    public OuterPath Path;

    /// <summary>What <see cref="FlowMatcher.Prefetch"/> made of it; nothing where there is no matcher.</summary>
    public FlowProbe Probe;

    public readonly ReadOnlySpan<byte> GeneveHeader => new(Datagram, Geneve.Length);

    /// <summary>Without the padding that may follow it.</summary>
    public readonly ReadOnlySpan<byte> Packet => new(Datagram + Geneve.Length, Inner.Length);

    public readonly ReadOnlySpan<byte> Whole => new(Datagram, Geneve.Length + Inner.Length);

    /// <summary>
    /// Reads what follows <see cref="Geneve"/>, which the caller has read.
    /// </summary>
    /// <param name="length">Bytes of the datagram.</param>
    /// <returns>Why that is no packet to deliver, or <see cref="DropReason.None"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DropReason ReadInner(int length)
    {
        var refusal = InnerPacket.TryParse(new(Datagram + Geneve.Length, length - Geneve.Length), out Inner);
        return refusal == DropReason.None && Inner.ProtocolType != Geneve.ProtocolType ? DropReason.InnerVersion : refusal;
    }

    /// <summary>Has its flow brought into the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(FlowMatcher? matcher) => Probe = matcher is null ? default : matcher.Prefetch(Packet, Inner);

    /// <summary>Tells flows and directions apart, well enough to look for packets to merge with.</summary>
    public readonly ulong MergeHash => Probe.Hash + ((((ulong)Inner.SourcePort << 16) | Inner.DestinationPort) * 0x9E37_79B9_7F4A_7C15 >> 32);
}
