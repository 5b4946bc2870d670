using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Fleet;

/// <summary>
/// Flows that begin and end all the time, spread over several targets that come and go. Each packet has to come back from the target
/// that it was sent to, with the header that it had then.
/// </summary>
/// <param name="options">What to send.</param>
/// <param name="endpoints">How many endpoints the flows come through.</param>
/// <param name="loadBalancer">What admits and judges.</param>
/// <param name="channel">What sends and receives.</param>
/// <param name="ledger">What is counted.</param>
/// <param name="tick">Called before packets are sent, every few milliseconds at least, with the time and the number of the next packet.</param>
internal sealed unsafe class FleetTraffic(
    BlastOptions options, int endpoints, LoadBalancer loadBalancer, GeneveChannel channel, FleetLedger ledger, Action<long, long> tick)
    : PlannedTraffic(options, endpoints, loadBalancer, channel)
{
    // What has not come back so long after its flow's last packet is lost.
    private readonly long _patienceMs = (long)options.Patience.TotalMilliseconds;

    private readonly Dictionary<int, FleetFlow> _flows = [];
    private readonly Queue<(FleetFlow Flow, long EndedMs)> _ending = [];

    public override int Send(int count, long now, long nowMs)
    {
        tick(nowMs, Turns);
        while (_ending.TryPeek(out (FleetFlow Flow, long EndedMs) ending) && nowMs - ending.EndedMs > _patienceMs)
            Finish(_ending.Dequeue().Flow);
        for (; count > 0; count--, Turns++)
        {
            if (TryAdmit(Turns, nowMs) is { } leg)
                Append(Turns, leg.Header, now);
            else
                InFlight.Skipped(Turns);
        }

        return Flush();
    }

    public override void Sweep(long nowMs)
    {
        foreach (FleetFlow flow in _flows.Values)
            LoadBalancer.Expire(ref flow.Row, nowMs);
    }

    public override void End()
    {
        foreach (FleetFlow flow in _flows.Values)
            ledger.Conclude(flow);
    }

    protected override Judgement JudgePacket(in ReceivedDatagram datagram, long now, long nowMs)
    {
        Judgement carried = LoadBalancer.JudgePacket(datagram, out GeneveView geneve, out ushort endpoint, out ReadOnlySpan<byte> packet, out InnerView inner);
        if (carried != Judgement.Accepted)
            return carried;
        if (!Plan.TryFindFlow(packet, inner, out int number) || !_flows.TryGetValue(number, out FleetFlow? flow)
            || flow.Row.Endpoint != endpoint || LoadBalancer.IsGone(ref flow.Row, nowMs))
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        Judgement content = Content.Judge(packet, inner, number, out long packetNumber);
        if (content != Judgement.Accepted)
            return content;
        if (flow.LegOf(packetNumber) is not { } leg)
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        Judgement header = LoadBalancer.JudgeHeader(datagram, geneve, leg.Header);
        if (header != Judgement.Accepted)
            return header;
        Judgement accepted = Accept(packetNumber, packet.Length, ref flow.NextSequence, now);
        if (accepted != Judgement.Accepted)
            return accepted;

        LoadBalancer.NoteAnswer(ref flow.Row, packet.Length, nowMs);
        ledger.Returned(flow, leg, packetNumber);
        if (flow.HasEnded && flow.Lost == 0)
            Finish(flow);
        return Judgement.Accepted;
    }

    private Leg? TryAdmit(long packet, long nowMs)
    {
        int number = Plan.FlowOf(packet);
        if (!_flows.TryGetValue(number, out FleetFlow? flow))
            flow = new FleetFlow(number, NewFlow(number));
        bool mayOpen = flow.Row.Kind != FlowKind.Tcp || Options.Lifetime is null || Plan.SequenceOf(packet) == 0;
        if (!LoadBalancer.TryAdmit(ref flow.Row, TrafficPlan.HashOf(number), mayOpen, nowMs))
            return null;

        _flows[number] = flow;
        Leg? before = flow.Current;
        Leg leg = flow.LegFor(packet);
        ledger.Sent(leg, before);
        if (Plan.IsLast(packet))
        {
            flow.HasEnded = true;
            _ending.Enqueue((flow, nowMs));
        }

        return leg;
    }

    // Its last packet is back, or given up; the second time around there is nothing to do.
    private void Finish(FleetFlow flow)
    {
        if (!_flows.Remove(flow.Number))
            return;
        if (flow.Row.IsOpen)
            LoadBalancer.Close(ref flow.Row);
        ledger.Ended(flow);
    }
}
