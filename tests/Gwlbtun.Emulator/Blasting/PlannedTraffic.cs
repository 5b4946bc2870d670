using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>Traffic that consists of a plan's whole packets.</summary>
internal abstract unsafe class PlannedTraffic : Traffic
{
    protected PlannedTraffic(BlastOptions options, int endpoints, LoadBalancer loadBalancer, GeneveChannel channel)
        : base(options, loadBalancer, channel)
    {
        Plan = new TrafficPlan(options, endpoints);
        Content = new PacketJudge(Plan);
    }

    protected TrafficPlan Plan { get; }

    protected PacketJudge Content { get; }

    /// <summary>A flow before its first packet.</summary>
    protected Flow NewFlow(int number)
    {
        Flow flow = Plan.NewFlow(number);
        flow.Node = (ushort)(flow.Endpoint % LoadBalancer.Nodes);
        return flow;
    }

    /// <summary>Adds a packet to those that are to be sent.</summary>
    protected void Append(long number, in Flow flow, long now)
    {
        SendBatch batch = Channel.Outgoing;
        byte* packet = batch.Packets.Next;
        int length = Plan.Write(new Span<byte>(packet, PacketSlab.PacketBytes), number);
        int headers = LoadBalancer.Encapsulate(packet, length, flow, out uint target);
        batch.Packets.Take(length);
        batch.Append(packet - headers, headers + length, target, 0);
        InFlight.Sent(number, now);
    }

    /// <summary>Sends them.</summary>
    /// <returns>How many they were.</returns>
    protected int Flush()
    {
        int sent = Channel.Outgoing.Count;
        long errorsBefore = Channel.SendErrors;
        Channel.Flush();
        Sent += sent - (Channel.SendErrors - errorsBefore);
        return sent;
    }

    protected sealed override void Judge(in ReceivedDatagram datagram, long now, long nowMs)
    {
        Judgement judgement = JudgePacket(datagram, now, nowMs);
        if (judgement != Judgement.Accepted)
            Refuse(judgement);
    }

    /// <summary>Judges one datagram.</summary>
    protected abstract Judgement JudgePacket(in ReceivedDatagram datagram, long now, long nowMs);

    /// <summary>Counts a packet that is right in itself.</summary>
    /// <param name="number">The packet.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="nextSequence">The lowest place that no packet of its flow has come from, or from beyond.</param>
    /// <param name="now">Nanoseconds.</param>
    /// <returns>Whether it came for the first time.</returns>
    protected Judgement Accept(long number, int length, ref uint nextSequence, long now)
    {
        Return kind = InFlight.Take(number, out long sentAt);
        if (kind == Return.Again)
            return Judgement.Duplicated;
        if (kind == Return.First)
            Latency.Add(now - sentAt);
        uint sequence = Plan.SequenceOf(number);
        if (sequence < nextSequence)
            LoadBalancer.Judgements.Add(Judgement.Reordered);
        else
            nextSequence = sequence + 1;
        Returned++;
        ReturnedBytes += length;
        return Judgement.Accepted;
    }
}
