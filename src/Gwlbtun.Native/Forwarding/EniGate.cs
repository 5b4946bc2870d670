using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Matching;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Everything of one endpoint that outlives its devices: flow table, counters, and the gate itself, through which its
/// packets pass into the live tunnel, or at which they wait while it is being built.
/// </summary>
/// <remarks>
/// Protocol. <see cref="Port"/> is the fast path: receive threads read it without a lock and forward when it is not null.
/// All else happens under the gate's lock: waiting, opening, closing. Opening writes what waits, in order, and publishes the
/// port only once nothing waits; so no packet overtakes one that came before it on the same thread. Closing unpublishes the
/// port; the owner then awaits <see cref="Quiescence"/> before it disposes the port. Only the endpoint's actor opens,
/// refuses and closes; any data thread may suspend (a device failed under it) and hold.
/// </remarks>
public sealed unsafe class EniGate : IDisposable
{
    // Written under the lock at the last step of opening: few enough that a receive thread that waits for the lock loses no time.
    private const int LastStep = 32;

    // Holding is cheaper than writing, so under load as much may come as is written: after so many rounds the rest is written under the
    // lock however much it is, and the receive threads wait, their sockets' buffers before them.
    private const int MostRounds = 8;

    private readonly Lock _lock = new();
    private readonly HoldQueue _held;
    private volatile TunnelPort? _port;
    private volatile NamedNetworkNamespace? _namespace;
    private DropReason _refusal;
    private bool _isGone;

    // Its fragments in WaitingFragments, which keeps these; -1 = none.
    internal int WaitingFragmentCount;
    internal int OldestFragment = -1;
    internal int NewestFragment = -1;

    internal EniGate(ulong eniId, DataPlaneOptions options, PacketBatchPool pool, WaitingFragments fragments, FlowBudget? budget = null)
    {
        EniId = eniId;
        WaitingFragments = fragments;
        _held = new(options.Hold, pool);
        Counters = new(options.ReceiveThreads.Count, options.TunnelThreads.Count);
        Matcher = options.ReturnTraffic ? new(options.Flows, options.Fragments, budget) : null;
    }

    /// <summary>The endpoint's ID, 64 bits.</summary>
    public ulong EniId { get; }

    /// <summary>The endpoint's flows; null when return traffic is off.</summary>
    public FlowMatcher? Matcher { get; }

    /// <summary>Where the endpoint's fragments wait for their first.</summary>
    internal WaitingFragments WaitingFragments { get; }

    /// <summary>Whether any do.</summary>
    internal bool HasWaitingFragments => Volatile.Read(ref WaitingFragmentCount) != 0;

    /// <summary>The endpoint's counters.</summary>
    public EniCounters Counters { get; }

    /// <summary>The live tunnel, or null while packets wait or are refused.</summary>
    public TunnelPort? Port => _port;

    /// <summary>The network namespace that is the endpoint's own; null while it has none, and always when endpoints get none.</summary>
    public NamedNetworkNamespace? Namespace => _namespace;

    /// <summary>
    /// Adds this endpoint's drops to <paramref name="totals"/>, indexed by <see cref="DropReason"/>; what the kernel dropped at its devices' queues, as
    /// long as they exist, too.
    /// </summary>
    public void AddDropsTo(Span<ulong> totals)
    {
        Counters.AddDropsTo(totals);
        totals[(int)DropReason.TunQueueOverflow] += TransmitDrops(EniName.IngressDevice(EniId)) + TransmitDrops(EniName.EgressDevice(EniId));
    }

    /// <summary>The namespace of this name, which is the endpoint's from now on, also between two tunnels. Made where there is none, or no longer. For its opener only.</summary>
    /// <exception cref="LinuxException">It cannot be made or entered.</exception>
    internal NamedNetworkNamespace TakeNamespace(string name)
    {
        if (_namespace is { IsNamed: true } there)
            return there;
        _namespace?.Dispose();
        _namespace = null;
        return _namespace = NamedNetworkNamespace.Open(name);
    }

    /// <summary>Lets go of the endpoint's namespace, and removes it if gwlbtun made it. No device of ours may be in use there, and no hook run.</summary>
    /// <returns>Why it could not be removed.</returns>
    public SysResult LeaveNamespace()
    {
        var left = _namespace;
        _namespace = null;
        var removed = left?.Remove() ?? default;
        left?.Dispose();
        return removed;
    }

    /// <summary>Packets that wait now.</summary>
    public int HeldPackets
    {
        get
        {
            lock (_lock)
                return _held.Count;
        }
    }

    /// <summary>
    /// Writes what waits into <paramref name="port"/>, in order, then lets the receive threads pass. When the port fails meanwhile, what
    /// was not written goes on waiting.
    /// </summary>
    public void Open(TunnelPort port)
    {
        for (var round = 0; ; round++)
        {
            HeldPackets waiting;
            lock (_lock)
            {
                waiting = _held.TakeAll();
                if (waiting.Count <= LastStep || round == MostRounds)
                {
                    _refusal = DropReason.None;
                    // Where a device fails, here or under a tunnel thread, packets go on waiting for the one that the owner builds.
                    if (TryWrite(port, waiting) && !port.IsFaulted)
                        _port = port;
                    return;
                }
            }

            // Outside the lock: what arrives meanwhile queues behind it.
            if (!TryWrite(port, waiting))
                return;
        }
    }

    /// <summary>Packets wait from now on. The caller awaits <see cref="Quiescence"/> before it disposes the port.</summary>
    public void Hold()
    {
        lock (_lock)
        {
            _port = null;
            _refusal = DropReason.None;
        }
    }

    /// <summary>Packets are dropped from now on, those that wait too, and counted as <paramref name="reason"/>.</summary>
    public void Refuse(DropReason reason)
    {
        lock (_lock)
        {
            _port = null;
            _refusal = reason;
            var discarded = _held.Discard();
            Counters.ByGate->Drop(reason, (ulong)discarded);
        }
    }

    /// <summary>Ends the gate, unless packets wait: then it stays, for a tunnel to be built anew.</summary>
    /// <returns>Whether it ended.</returns>
    internal bool TryEnd()
    {
        lock (_lock)
        {
            _isGone |= _port is null && _held.Count == 0;
            return _isGone;
        }
    }

    /// <summary>A device of <paramref name="port"/> failed under a data thread: packets wait until the owner has rebuilt it.</summary>
    internal void Suspend(TunnelPort port)
    {
        lock (_lock)
        {
            if (_port == port)
                _port = null;
        }
    }

    /// <summary>
    /// Takes a datagram that found no live port: it waits, or is refused and counted, or passes after all.
    /// </summary>
    /// <param name="datagram">The Geneve datagram.</param>
    /// <param name="path">Its outer addresses.</param>
    /// <param name="queue">The device queue that the calling thread writes through.</param>
    /// <param name="counters">The calling thread's counters of this endpoint.</param>
    /// <param name="port">The live port, when the gate was opened meanwhile: the caller forwards.</param>
    /// <returns>False when the gate has ended: the caller looks the endpoint up anew.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool TryHold(ReadOnlySpan<byte> datagram, in OuterPath path, int queue, CounterBlock* counters, out TunnelPort? port)
    {
        lock (_lock)
        {
            port = _port;
            if (_isGone)
                return false;
            if (port is not null)
                return true;
            if (_refusal != DropReason.None)
                counters->Drop(_refusal);
            else if (!_held.TryAppend(datagram, path, queue))
                counters->Drop(DropReason.HoldOverflow);
            return true;
        }
    }

    private bool TryWrite(TunnelPort port, HeldPackets waiting)
    {
        var now = Environment.TickCount64;
        foreach (var batch in waiting.Batches)
        {
            for (; batch.Count > 0; batch.Advance())
            {
                var datagram = batch.Peek(out var path, out var queue);
                fixed (byte* start = datagram)
                {
                    // It was read before it was held.
                    ReceivedPacket packet = new() { Datagram = start, Path = path };
                    _ = GwlbGeneveHeader.TryParse(datagram, out packet.Geneve);
                    _ = packet.ReadInner(datagram.Length);
                    packet.Prefetch(Matcher);
                    if (port.Deliver(packet, queue, Counters.ByGate, now) != WriteOutcome.DeviceFailed)
                        continue;
                }

                lock (_lock)
                    _held.PutBack(waiting);
                return false;
            }
        }

        _held.Release(waiting);
        return true;
    }

    private ulong TransmitDrops(string device) => _namespace?.TransmitDrops(device) ?? InterfaceStatistics.TransmitDrops(device);

    /// <summary>Forgets flows and fragments that have been idle too long, a slice at a time. One thread at a time.</summary>
    /// <param name="nowMs">Milliseconds of <see cref="Environment.TickCount64"/>.</param>
    /// <param name="budget">About how many places to visit.</param>
    /// <returns>Whether flows and fragments have all been gone through.</returns>
    public bool Sweep(long nowMs, int budget)
    {
        WaitingFragments.Expire(nowMs);
        return Matcher?.Sweep(nowMs, budget) ?? true;
    }

    /// <summary>Frees the flow table and the counters. No data thread may know the gate any more.</summary>
    public void Dispose()
    {
        lock (_lock)
            _ = _held.Discard();
        WaitingFragments.Forget(this);
        Matcher?.Dispose();
        Counters.Dispose();
        _namespace?.Dispose();
    }
}
