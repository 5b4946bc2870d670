using Gwlbtun.Emulator.Blasting.Cases;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>What is sent, and how what returns is judged. The blaster calls it by the batch, on one thread.</summary>
internal abstract class Traffic(BlastOptions options, LoadBalancer loadBalancer, GeneveChannel channel)
{
    /// <summary>How many datagrams were to be sent so far, those included that the load balancer had no target for.</summary>
    public long Turns { get; protected set; }

    /// <summary>Datagrams sent.</summary>
    public long Sent { get; protected set; }

    /// <summary>Datagrams that came back right.</summary>
    public long Returned { get; protected set; }

    /// <summary>Inner bytes of those.</summary>
    public long ReturnedBytes { get; protected set; }

    /// <summary>Datagrams that came back wrong.</summary>
    public long Refused { get; private set; }

    public LatencyHistogram Latency { get; } = new();

    /// <summary>What was sent of the cases beyond whole packets; null when that is none.</summary>
    public virtual CaseCounts? Cases => null;

    protected BlastOptions Options { get; } = options;

    protected LoadBalancer LoadBalancer { get; } = loadBalancer;

    protected GeneveChannel Channel { get; } = channel;

    protected InFlight InFlight { get; } = new(options.Window);

    /// <summary>Sends datagrams.</summary>
    /// <param name="count">So many at most.</param>
    /// <param name="now">Nanoseconds, above 0.</param>
    /// <param name="nowMs">Milliseconds.</param>
    /// <returns>How many went.</returns>
    public abstract int Send(int count, long now, long nowMs);

    /// <summary>Judges what has returned.</summary>
    /// <param name="count">How many datagrams the channel has taken in.</param>
    /// <param name="now">Nanoseconds.</param>
    /// <param name="nowMs">Milliseconds.</param>
    public void Take(int count, long now, long nowMs)
    {
        for (int i = 0; i < count; i++)
        {
            Channel.Incoming.Get(i, out ReceivedDatagram datagram);
            Judge(datagram, now, nowMs);
        }
    }

    /// <summary>Forgets what is too old.</summary>
    public abstract void Sweep(long nowMs);

    /// <summary>Nothing more will be sent or come.</summary>
    public virtual void End()
    {
    }

    /// <summary>Judges one datagram, and counts it.</summary>
    protected abstract void Judge(in ReceivedDatagram datagram, long now, long nowMs);

    /// <summary>Counts a fault.</summary>
    /// <param name="judgement">It.</param>
    /// <param name="isFirst">Whether no other part of the same datagram was found fault with.</param>
    protected void Refuse(Judgement judgement, bool isFirst = true)
    {
        LoadBalancer.Judgements.Add(judgement);
        // A duplicate stands for no packet on its way.
        if (judgement != Judgement.Duplicated && isFirst)
            Refused++;
    }
}
