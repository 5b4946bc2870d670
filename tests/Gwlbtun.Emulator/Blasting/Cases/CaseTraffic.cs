using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>
/// Fragments, ICMP errors, IP options, new cookies, and both directions with a header each, in any combination. It is slower than plain
/// traffic: each datagram is written apart, and each returned piece of it judged by itself.
/// </summary>
internal sealed unsafe class CaseTraffic : Traffic
{
    private const int Remembered = 1 << 16;

    private readonly CaseOptions _cases;
    private readonly CasePlan _plan;
    private readonly CaseFlows _flows;
    private readonly CaseWriter _writer;
    private readonly ErrorWriter _errors;
    private readonly ContentJudge _contents;
    private readonly HeaderJudge _headers;
    private readonly CaseCounts _counts;
    private readonly CookieChurn? _churn;
    private readonly Reassembly _reassembly = new(Remembered);
    private readonly HeldFragments<(int Stream, uint Id)> _held;
    private readonly long[] _nextSequence;
    private readonly byte[] _bytes = new byte[65_536];
    private long _number;

    public CaseTraffic(BlastOptions options, CaseOptions cases, int endpoints, LoadBalancer loadBalancer, GeneveChannel channel)
        : base(options, loadBalancer, channel)
    {
        _cases = cases;
        _plan = new CasePlan(options, cases);
        _flows = new CaseFlows(_plan, cases, endpoints, loadBalancer, options.Patience);
        _writer = new CaseWriter(options, cases, _plan);
        _errors = new ErrorWriter(cases, _plan, _writer);
        _contents = new ContentJudge(_plan, cases, _writer);
        _counts = new CaseCounts(cases);
        _headers = new HeaderJudge(_plan, _flows, _counts);
        _churn = cases.ChurnEvery is null ? null : new CookieChurn(_plan, cases, options.Patience);
        _nextSequence = new long[_plan.Streams];
        _held = new HeldFragments<(int Stream, uint Id)>(options.Patience);
    }

    public override CaseCounts? Cases => _counts;

    public override int Send(int count, long now, long nowMs)
    {
        long before = Sent;
        // Resting streams pass: no turn is lost, but one may look at each only once.
        for (int looked = 0; count > 0 && looked < _plan.Streams * Options.Burst; looked++, _number++)
        {
            if (!TrySend(_number, now, nowMs))
                continue;
            Turns++;
            count--;
            looked = -1;
        }

        Channel.Flush();
        return (int)(Sent - before);
    }

    public override void Sweep(long nowMs)
    {
        _flows.Sweep(nowMs);
        _contents.Sweep();
        RefuseWithoutFirst(_held.GiveUp(nowMs));
    }

    public override void End() => RefuseWithoutFirst(_held.GiveUp(0, all: true));

    /// <returns>False when the stream rests.</returns>
    private bool TrySend(long number, long now, long nowMs)
    {
        int stream = _plan.StreamOf(number);
        int conversation = _plan.ConversationOf(stream);
        bool isBackward = _plan.IsBackward(stream);
        CookieAge age = isBackward && !_flows.MayGoBack(conversation, nowMs) ? CookieAge.Resting
            : _churn?.Next(conversation, mayChange: !isBackward, nowMs) ?? CookieAge.Good;
        switch (age)
        {
            case CookieAge.Resting:
                InFlight.Skipped(number);
                return false;
            case CookieAge.Over:
                _flows.Change(conversation, number);
                _counts.CookieChanges++;
                break;
        }

        _contents.LastSequence[stream] = _plan.SequenceOf(number);
        if (TryWriteAndAppend(number, stream, nowMs))
        {
            InFlight.Sent(number, now);
            _churn?.Sent(conversation);
            Sent++;
        }
        else
        {
            InFlight.Skipped(number);
        }

        return true;
    }

    private bool TryWriteAndAppend(long number, int stream, long nowMs)
    {
        CaseKind kind = _plan.KindOf(number);
        if (kind == CaseKind.ErrorIn)
        {
            int slot = _flows.SlotOf(stream, FlowPart.Errors);
            if (!_flows.TryAdmit(slot, number, nowMs))
                return false;
            _counts.ErrorsSent++;
            Append(_bytes.AsSpan(0, _errors.Write(_bytes, number)), slot);
            return true;
        }

        int whole = _flows.SlotOf(stream, FlowPart.Whole);
        if (!_flows.TryAdmit(whole, number, nowMs))
            return false;
        Datagram datagram = _writer.Write(_bytes, number);
        if (kind == CaseKind.Expiring)
            _counts.ExpiringSent++;
        if (!datagram.IsToFragment)
        {
            Append(_bytes.AsSpan(0, datagram.Length), whole);
            return true;
        }

        int later = _flows.SlotOf(stream, FlowPart.LaterFragments);
        if (!_flows.TryAdmit(later, number, nowMs))
            return false;
        AppendFragments(number, datagram, whole, later);
        return true;
    }

    private void AppendFragments(long number, in Datagram datagram, int whole, int later)
    {
        bool isIpv6 = _bytes[0] >> 4 == 6;
        long sequence = _plan.SequenceOf(number);
        int capacity = Fragmenter.CapacityOf(_cases.FragmentSize!.Value, datagram, isIpv6);
        int fragments = (datagram.FragmentableLength + capacity - 1) / capacity;
        for (int i = 0; i < fragments; i++)
        {
            int piece = _cases.FragmentOrder == FragmentOrder.InOrder ? i
                : sequence % 2 == 0 ? (i + 1) % fragments
                : fragments - 1 - i;
            int offset = piece * capacity;
            FlushWhenFull();
            byte* packet = Channel.Outgoing.Packets.Next;
            int length = Fragmenter.Write(
                new Span<byte>(packet, PacketSlab.PacketBytes), _bytes, datagram, offset, Math.Min(capacity, datagram.FragmentableLength - offset), CaseWriter.IdOf(sequence, isIpv6));
            Append(packet, length, piece == 0 ? whole : later);
        }

        _counts.FragmentedDatagrams++;
        _counts.FragmentsSent += fragments;
    }

    private void Append(ReadOnlySpan<byte> bytes, int slot)
    {
        FlushWhenFull();
        byte* packet = Channel.Outgoing.Packets.Next;
        bytes.CopyTo(new Span<byte>(packet, PacketSlab.PacketBytes));
        Append(packet, bytes.Length, slot);
    }

    private void Append(byte* packet, int length, int slot)
    {
        int headers = LoadBalancer.Encapsulate(packet, length, _flows[slot], out uint target);
        Channel.Outgoing.Packets.Take(length);
        Channel.Outgoing.Append(packet - headers, headers + length, target, 0);
    }

    private void FlushWhenFull()
    {
        if (Channel.Outgoing.Packets.IsFull)
            Channel.Flush();
    }

    protected override void Judge(in ReceivedDatagram datagram, long now, long nowMs)
    {
        Judgement? judgement = JudgePacket(datagram, now, nowMs, out CaseUnit unit);
        if (judgement is not { } fault || fault == Judgement.Accepted)
            return;
        // Of a datagram in pieces several may be refused: it is lost once, and is not on its way any more.
        bool isFirst = unit.Number < 0 || fault == Judgement.Duplicated || TakeFromFlight(unit.Number, out _) == Return.First;
        Refuse(fault, isFirst);
    }

    /// <returns>Null for what waits.</returns>
    private Judgement? JudgePacket(in ReceivedDatagram datagram, long now, long nowMs, out CaseUnit unit)
    {
        unit = new CaseUnit();
        Judgement tunnel = LoadBalancer.JudgeTunnel(datagram, out GeneveView geneve, out ushort endpoint);
        if (tunnel != Judgement.Accepted)
            return tunnel;
        if (!_flows.Headers.TryFind(geneve.Cookie, out int place))
        {
            _counts.UnknownCookie++;
            return Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie;
        }

        ref IssuedHeader header = ref _flows.Headers[place];
        if (header.Flow.Endpoint != endpoint)
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        Judgement belongs = LoadBalancer.JudgeHeader(datagram, geneve, header.Flow);
        if (belongs != Judgement.Accepted)
            return belongs;

        ReadOnlySpan<byte> packet = new(datagram.Payload + geneve.Length, datagram.Length - geneve.Length);
        if (!InnerView.TryParse(packet, out InnerView inner) || inner.Length != packet.Length)
            return Judgement.BadInnerBytes;
        Judgement? content = _contents.Judge(packet, inner, out unit);
        if (content is null)
            return _held.TryHold((unit.Stream, inner.Fragment.Id), datagram, nowMs) ? null : Judgement.FragmentWithoutFirst;
        if (content != Judgement.Accepted)
            return content;
        if (!_headers.Allows(place, unit))
            return Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie;
        if (_flows.Headers.IsCurrent(place))
        {
            if (LoadBalancer.IsGone(ref _flows[header.Slot], nowMs))
                return Judgement.PacketsDroppedCount_MissingFlowEntry;
            LoadBalancer.NoteAnswer(ref _flows[header.Slot], packet.Length, nowMs);
        }

        header.KnownBy = Math.Min(header.KnownBy, _number - 1);
        Judgement progress = NoteReturn(unit, inner.Fragment.Id, packet.Length, now);
        if (_contents.NoteRenamed(inner, unit))
        {
            foreach (HeldDatagram held in _held.Release((unit.Stream, inner.Fragment.Id)))
                held.Pass((in ReceivedDatagram waited) => Judge(waited, now, nowMs));
        }

        return progress;
    }

    private Judgement NoteReturn(in CaseUnit unit, uint id, int bytes, long now)
    {
        if (unit.Kind is UnitKind.FirstFragment or UnitKind.LaterFragment)
        {
            switch (_reassembly.Add(unit.Number, id, unit.Offset, unit.Count, unit.Fragmentable))
            {
                case Progress.Incomplete:
                    ReturnedBytes += bytes;
                    return Judgement.Accepted;
                case Progress.Again:
                    return Judgement.Duplicated;
                case Progress.Stray:
                    return Judgement.BadInnerBytes;
                case Progress.TooLate:
                    return Judgement.Accepted;
            }
        }

        Return kind = TakeFromFlight(unit.Number, out long sentAt);
        if (kind == Return.Again)
            return Judgement.Duplicated;
        if (kind == Return.First)
            Latency.Add(now - sentAt);
        NoteOrder(unit);
        Returned++;
        ReturnedBytes += bytes;
        return Judgement.Accepted;
    }

    private Return TakeFromFlight(long number, out long sentAt)
    {
        Return kind = InFlight.Take(number, out sentAt);
        if (kind == Return.First)
            _churn?.Returned(_plan.ConversationOf(_plan.StreamOf(number)));
        return kind;
    }

    // Fragments and errors have other flows, and so perhaps other threads of the appliance, than whole packets: they may overtake these.
    private void NoteOrder(in CaseUnit unit)
    {
        if (unit.Kind is not (UnitKind.Whole or UnitKind.Answer) || unit.WasFragmented)
            return;
        long sequence = _plan.SequenceOf(unit.Number);
        if (sequence < _nextSequence[unit.Stream])
            LoadBalancer.Judgements.Add(Judgement.Reordered);
        else
            _nextSequence[unit.Stream] = sequence + 1;
    }

    private void RefuseWithoutFirst(int fragments)
    {
        for (; fragments > 0; fragments--)
            Refuse(Judgement.FragmentWithoutFirst, isFirst: false);
    }
}
