using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>Whole packets of flows that keep their header: what benchmarks are made with.</summary>
internal sealed unsafe class PlainTraffic : Traffic
{
    private readonly TrafficPlan _plan;
    private readonly Flow[] _flows;
    private readonly uint[] _nextSequence;
    private readonly byte[] _expected = new byte[65_536];

    public PlainTraffic(BlastOptions options, int endpoints, LoadBalancer loadBalancer, GeneveChannel channel)
        : base(options, loadBalancer, channel)
    {
        _plan = new TrafficPlan(options, endpoints);
        _flows = [.. Enumerable.Range(0, options.Flows).Select(_plan.NewFlow)];
        foreach (ref Flow flow in _flows.AsSpan())
            flow.Node = (ushort)(flow.Endpoint % loadBalancer.Nodes);
        _nextSequence = new uint[options.Flows];
    }

    public override int Send(int count, long now, long nowMs)
    {
        SendBatch batch = Channel.Outgoing;
        for (; count > 0; count--, Turns++)
        {
            int index = _plan.FlowOf(Turns);
            ref Flow flow = ref _flows[index];
            if (!LoadBalancer.TryAdmit(ref flow, TrafficPlan.HashOf(index), mayOpen: true, nowMs))
            {
                InFlight.Skipped(Turns);
                continue;
            }

            byte* packet = batch.NextPacket;
            int length = _plan.Write(new Span<byte>(packet, SendBatch.PacketBytes), Turns);
            int headers = LoadBalancer.Encapsulate(packet, length, flow, out uint target);
            batch.TakeSlot();
            batch.Append(packet - headers, headers + length, target, 0);
            InFlight.Sent(Turns, now);
        }

        int sent = batch.Count;
        long errorsBefore = Channel.SendErrors;
        Channel.Flush();
        Sent += sent - (Channel.SendErrors - errorsBefore);
        return sent;
    }

    public override void Sweep(long nowMs)
    {
        foreach (ref Flow flow in _flows.AsSpan())
            LoadBalancer.Expire(ref flow, nowMs);
    }

    protected override void Judge(in ReceivedDatagram datagram, long now, long nowMs)
    {
        Judgement judgement = JudgePacket(datagram, now, nowMs);
        if (judgement != Judgement.Accepted)
            Refuse(judgement);
    }

    private Judgement JudgePacket(in ReceivedDatagram datagram, long now, long nowMs)
    {
        Judgement tunnel = LoadBalancer.JudgeTunnel(datagram, out GeneveView geneve, out ushort endpoint);
        if (tunnel != Judgement.Accepted)
            return tunnel;
        Span<byte> packet = new(datagram.Payload + geneve.Length, datagram.Length - geneve.Length);
        if (!InnerView.TryParse(packet, out InnerView inner) || inner.Length != packet.Length)
            return Judgement.BadInnerBytes;
        if (!_plan.TryFindFlow(packet, inner, out int index) || _flows[index].Endpoint != endpoint)
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        Judgement belongs = LoadBalancer.JudgeFlow(datagram, geneve, ref _flows[index], nowMs);
        if (belongs != Judgement.Accepted)
            return belongs;
        Judgement content = JudgeContent(packet, inner, index, out long number);
        if (content != Judgement.Accepted)
            return content;

        Return kind = InFlight.Take(number, out long sentAt);
        if (kind == Return.Again)
            return Judgement.Duplicated;
        if (kind == Return.First)
            Latency.Add(now - sentAt);
        uint sequence = _plan.SequenceOf(number);
        if (sequence < _nextSequence[index])
            LoadBalancer.Judgements.Add(Judgement.Reordered);
        else
            _nextSequence[index] = sequence + 1;
        Returned++;
        ReturnedBytes += packet.Length;
        return Judgement.Accepted;
    }

    private Judgement JudgeContent(Span<byte> packet, in InnerView inner, int flow, out long number)
    {
        if (!inner.HasValidHeaderChecksum(packet))
        {
            number = 0;
            return Judgement.BadChecksum;
        }

        if (!_plan.TryReadNumber(packet, inner, flow, out number))
            return inner.HasValidChecksums(packet) ? Judgement.BadInnerBytes : Judgement.BadChecksum;

        // The appliance is a router: it lowers the hop limit, and IPv4's checksum changes with it.
        Span<byte> expected = _expected.AsSpan(0, _plan.Write(_expected, number));
        int hopLimit = inner.Version == 4 ? 8 : 7;
        if (packet[hopLimit] > 0 && packet[hopLimit] <= expected[hopLimit])
            expected[hopLimit] = packet[hopLimit];
        if (inner.Version == 4)
            packet.Slice(10, 2).CopyTo(expected[10..]);
        if (packet.SequenceEqual(expected))
            return Judgement.Accepted;
        return inner.HasValidChecksums(packet) ? Judgement.BadInnerBytes : Judgement.BadChecksum;
    }
}
