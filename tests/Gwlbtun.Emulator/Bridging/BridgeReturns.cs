using System.Runtime.CompilerServices;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Bridging;

/// <summary>
/// Judges what the appliance returns, and delivers it to the side that it is meant for. Besides packets of known flows it takes later
/// fragments of their datagrams, and ICMP errors about their packets, that the appliance itself made.
/// </summary>
internal sealed unsafe class BridgeReturns(LoadBalancer loadBalancer, BridgeFlowTable flows, Side client, Side server, int mtu)
{
    private readonly FragmentRecords _fragments = new();
    private readonly HeldFragments<FragmentKey> _held = new(TimeSpan.FromSeconds(5));

    public void JudgeAndDeliver(in ReceivedDatagram datagram, long nowMs)
    {
        if (Judge(datagram, nowMs) is { } judgement && judgement != Judgement.Accepted)
            loadBalancer.Judgements.Add(judgement);
    }

    /// <summary>Remembers which flow a datagram in fragments belongs to.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="inner">What it is.</param>
    /// <param name="tuple">Its flow.</param>
    /// <param name="isSent">Whether the load balancer sends it; otherwise the appliance has.</param>
    /// <param name="nowMs">Milliseconds.</param>
    public void NoteFragment(ReadOnlySpan<byte> packet, in InnerView inner, in FlowTuple tuple, bool isSent, long nowMs)
    {
        if (!inner.IsFragment)
            return;
        ref FragmentRecord record = ref _fragments.GetOrAdd(FragmentKey.From(packet, inner), nowMs);
        if (!inner.IsLaterFragment)
            record.Whole = tuple;
        else if (isSent)
            record.WasSentInParts = true;
    }

    public void Sweep(long nowMs)
    {
        _fragments.Sweep(nowMs);
        CountWithoutFirst(_held.GiveUp(nowMs));
    }

    /// <summary>At the end nothing stays unjudged.</summary>
    public void GiveUp() => CountWithoutFirst(_held.GiveUp(0, all: true));

    private void CountWithoutFirst(int fragments)
    {
        for (; fragments > 0; fragments--)
            loadBalancer.Judgements.Add(Judgement.FragmentWithoutFirst);
    }

    /// <returns>Null for what waits.</returns>
    private Judgement? Judge(in ReceivedDatagram datagram, long nowMs)
    {
        Judgement carried = loadBalancer.JudgePacket(datagram, out GeneveView geneve, out ushort endpoint, out ReadOnlySpan<byte> packet, out InnerView inner);
        if (carried != Judgement.Accepted)
            return carried;

        FlowTuple tuple = FlowTuple.From(packet, inner, endpoint, out bool isReversed);
        bool goesBack = false;
        if (inner.IsLaterFragment)
        {
            ref FragmentRecord record = ref _fragments.Find(FragmentKey.From(packet, inner));
            if (Unsafe.IsNullRef(ref record))
                return _held.TryHold(FragmentKey.From(packet, inner), datagram, nowMs) ? null : Judgement.FragmentWithoutFirst;
            if (record.Whole is { } whole && (!record.WasSentInParts || CookieOf(whole) == geneve.Cookie))
                tuple = whole;
        }
        else if (inner.IsError(packet) && TryFindQuoted(packet, inner, endpoint, out FlowTuple quotedTuple, out bool isQuotedReversed)
            && (Unsafe.IsNullRef(ref flows.Find(tuple)) || CookieOf(quotedTuple) == geneve.Cookie))
        {
            // Not one that the load balancer sent in, or one beside such: it goes to whoever sent the quoted packet.
            (tuple, isReversed, goesBack) = (quotedTuple, isQuotedReversed, true);
        }

        ref BridgeFlow known = ref flows.Find(tuple);
        if (Unsafe.IsNullRef(ref known))
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        Judgement belongs = loadBalancer.JudgeFlow(datagram, geneve, ref known.Flow, nowMs);
        if (belongs != Judgement.Accepted)
            return belongs;
        if (packet.Length > mtu)
            return Judgement.TooLarge;

        Side other = known.Opener == client ? server : client;
        bool goesOpenersWay = (isReversed == known.OpenerIsReversed) != goesBack;
        (goesOpenersWay ? other : known.Opener).Write(datagram.Payload + geneve.Length, packet.Length);
        if (inner.IsFragment && !inner.IsLaterFragment)
        {
            NoteFragment(packet, inner, tuple, isSent: false, nowMs);
            foreach (HeldDatagram held in _held.Release(FragmentKey.From(packet, inner)))
                held.Pass((in ReceivedDatagram waited) => JudgeAndDeliver(waited, nowMs));
        }

        // The load balancer does not look at checksums: the packet goes on, but the appliance has spoilt it.
        return inner.HasValidChecksums(packet) ? Judgement.Accepted : Judgement.BadChecksum;
    }

    private bool TryFindQuoted(ReadOnlySpan<byte> packet, in InnerView error, ushort endpoint, out FlowTuple tuple, out bool isReversed)
    {
        (tuple, isReversed) = (default, false);
        if (!error.TryReadQuote(packet, out ReadOnlySpan<byte> quote, out InnerView quoted))
            return false;
        tuple = FlowTuple.From(quote, quoted, endpoint, out isReversed);
        if (quoted.IsLaterFragment)
        {
            ref FragmentRecord record = ref _fragments.Find(FragmentKey.From(quote, quoted));
            if (!Unsafe.IsNullRef(ref record) && record is { WasSentInParts: false, Whole: { } whole })
                tuple = whole;
        }

        return !Unsafe.IsNullRef(ref flows.Find(tuple));
    }

    private uint? CookieOf(in FlowTuple tuple)
    {
        ref BridgeFlow flow = ref flows.Find(tuple);
        return Unsafe.IsNullRef(ref flow) ? null : flow.Flow.Cookie;
    }
}
