using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>Whole packets of flows that keep their header: what benchmarks are made with.</summary>
internal sealed unsafe class PlainTraffic : PlannedTraffic
{
    private readonly Flow[] _flows;
    private readonly uint[] _nextSequence;

    public PlainTraffic(BlastOptions options, int endpoints, LoadBalancer loadBalancer, GeneveChannel channel)
        : base(options, endpoints, loadBalancer, channel)
    {
        _flows = [.. Enumerable.Range(0, options.Flows).Select(NewFlow)];
        _nextSequence = new uint[options.Flows];
    }

    public override int Send(int count, long now, long nowMs)
    {
        for (; count > 0; count--, Turns++)
        {
            int index = Plan.FlowOf(Turns);
            if (LoadBalancer.TryAdmit(ref _flows[index], TrafficPlan.HashOf(index), mayOpen: true, nowMs))
                Append(Turns, _flows[index], now);
            else
                InFlight.Skipped(Turns);
        }

        return Flush();
    }

    public override void Sweep(long nowMs)
    {
        foreach (ref Flow flow in _flows.AsSpan())
            LoadBalancer.Expire(ref flow, nowMs);
    }

    protected override Judgement JudgePacket(in ReceivedDatagram datagram, long now, long nowMs)
    {
        Judgement carried = LoadBalancer.JudgePacket(datagram, out GeneveView geneve, out ushort endpoint, out ReadOnlySpan<byte> packet, out InnerView inner);
        if (carried != Judgement.Accepted)
            return carried;
        if (!Plan.TryFindFlow(packet, inner, out int index) || _flows[index].Endpoint != endpoint)
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        Judgement belongs = LoadBalancer.JudgeFlow(datagram, geneve, ref _flows[index], nowMs);
        if (belongs != Judgement.Accepted)
            return belongs;
        Judgement content = Content.Judge(packet, inner, index, out long number);
        return content == Judgement.Accepted ? Accept(number, packet.Length, ref _nextSequence[index], now) : content;
    }
}
