using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// The flows of one endpoint: which Geneve header, and which way back, a packet that returns from the appliance must
/// have. Native memory throughout; after construction nothing is allocated on the managed heap.
/// </summary>
/// <remarks>
/// <para><b>Protocol.</b> Any number of threads learn and find at once; one at a time sweeps. Finding, and learning what
/// is known already, which is what nearly every packet does, take no lock and store nothing but the time of last
/// use, at most once in 128 ms (<see cref="FlowEntry.Touch"/>), and the number of the first few packets (<see cref="FlowStanding.Count"/>). What is new takes the gate of one segment of up to 1,024 flows
/// for well under a microsecond, or for some tens of microseconds when that segment splits; readers go on meanwhile.
/// <see cref="FlowSegment"/> says how a reader knows that what it read belongs together, <see cref="HeaderTemplates"/>
/// how it may follow a slot to its template, <see cref="FlowDirectory"/> how it notices that it was late.</para>
/// <para><b>Newest header wins.</b> A flow has a slot for each direction. A new flow cookie in one direction means that the load
/// balancer has begun a new flow with the old tuple: the other direction's slot is of the old flow, and is emptied.</para>
/// <para><b>When it is full</b> the flow that gives way is one with few packets, or long idle (<see cref="FlowStanding"/>): a flood
/// of new flows does not push out those that are established and active.</para>
/// <para><b>Expiry.</b> A flow that has been idle too long is still answered until it is swept: whether a
/// flow still exists is for the load balancer to judge, and ours may run a little ahead of its clock.</para>
/// <para><b>Memory</b> grows with the flows and does not shrink again before <see cref="Dispose"/>: what has gone leaves room for what comes.</para>
/// </remarks>
public sealed class FlowTable : IDisposable
{
    private readonly FlowHash _hash = FlowHash.Seeded();
    private readonly FlowDirectory[] _families;
    private readonly HeaderTemplates _templates;
    private readonly FlowCounters _counters;
    private readonly FlowRules _rules;
    private readonly FlowAdmission _admission;
    private readonly FlowSweeper _sweeper;
    private readonly bool _prefetches;
    private bool _isDisposed;

    /// <summary>Takes a few kilobytes of native memory; the rest as flows come.</summary>
    /// <param name="options">The table's own bounds.</param>
    /// <param name="budget">What it may hold together with other tables; null when only its own bounds count.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public FlowTable(FlowTableOptions options, FlowBudget? budget = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _prefetches = options.Prefetches;
        TracksClosing = options.TcpClosing is not null;
        _families =
        [
            new FlowDirectory(FlowEntry.Stride4, options.MaxBytesPerFamily),
            new FlowDirectory(FlowEntry.Stride6, options.MaxBytesPerFamily),
        ];
        _templates = new HeaderTemplates(_hash, options.MaxHeaderShapes);
        _counters = new FlowCounters(options.MaxFlows, budget);
        _rules = new FlowRules(options);
        _admission = new FlowAdmission(_families, _templates, _counters, _rules);
        _sweeper = new FlowSweeper(_families, _templates, _counters, options);
    }

    /// <summary>Whether signals mean anything: <see cref="FlowTableOptions.TcpClosing"/> is set.</summary>
    public bool TracksClosing { get; }

    /// <summary>Flows that gave way to others since the table was made.</summary>
    public long Evicted => _counters.Evicted;

    /// <summary>Different shapes of Geneve headers that flows hold just now.</summary>
    public int HeaderShapes => _templates.Count;

    /// <summary>Native memory that the table takes, bytes, whether flows stand in it or not.</summary>
    public long MemoryBytes =>
        _families[0].Bytes + _families[1].Bytes + _templates.Bytes + FlowCounters.Bytes;

    /// <summary>Flows in the table just now.</summary>
    public long Count(FlowFamily family, FlowProtocol protocol) => _counters.Count(family, protocol);

    /// <summary>Flows taken out for being idle since the table was made.</summary>
    public long TimedOut(FlowFamily family, FlowProtocol protocol) => _counters.TimedOut(family, protocol);

    /// <summary>
    /// Hashes a key, and (<see cref="FlowTableOptions.Prefetches"/>) has its flow brought into the cache. Worth it when it is called for a whole batch of packets before the first of
    /// them is looked up: their cache misses then overlap. Nothing changes but that.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FlowProbe Prefetch(in FlowKey key)
    {
        ulong hash = _hash.Of(key);
        if (_prefetches)
            _families[(int)key.Family].Prefetch(hash);
        return new FlowProbe(key, hash);
    }

    /// <summary>
    /// Notes the header of a packet that came from the load balancer, as the newest of its flow and direction.
    /// </summary>
    /// <param name="key">The inner packet's 5-tuple.</param>
    /// <param name="geneveHeader">The whole Geneve header with its options, as it came, 8 to 260 bytes.</param>
    /// <param name="parsed">What parsing that header found.</param>
    /// <param name="path">Where the datagram came from and where it arrived.</param>
    /// <param name="nowMs">Coarse monotonic time, milliseconds.</param>
    /// <param name="signal">What the packet says about its connection; for TCP, and only when <see cref="TracksClosing"/>.</param>
    public LearnResult Learn(
        in FlowKey key, ReadOnlySpan<byte> geneveHeader, in GwlbGeneveHeader parsed, in OuterPath path, long nowMs, TcpSignal signal = TcpSignal.None) =>
        Learn(key, _hash.Of(key), geneveHeader, parsed, path, nowMs, signal);

    /// <summary>The same for a key that this table has prefetched.</summary>
    /// <inheritdoc cref="Learn(in FlowKey, ReadOnlySpan{byte}, in GwlbGeneveHeader, in OuterPath, long, TcpSignal)"/>
    public LearnResult Learn(
        in FlowProbe key, ReadOnlySpan<byte> geneveHeader, in GwlbGeneveHeader parsed, in OuterPath path, long nowMs, TcpSignal signal = TcpSignal.None) =>
        Learn(key.Key, key.Hash, geneveHeader, parsed, path, nowMs, signal);

    /// <summary>
    /// The header to return a packet with: the newest learned for exactly its direction, else the reverse one's.
    /// The flow counts as used.
    /// </summary>
    /// <param name="key">The 5-tuple of the packet that goes back.</param>
    /// <param name="headerOut">Receives the Geneve header as it came; at least 260 bytes.</param>
    /// <param name="path">The way back.</param>
    /// <param name="nowMs">Coarse monotonic time, milliseconds.</param>
    /// <param name="signal">What the packet says about its connection; for TCP, and only when <see cref="TracksClosing"/>.</param>
    /// <returns>The header's length, or 0 when the flow is not known.</returns>
    public int Find(in FlowKey key, Span<byte> headerOut, out OuterPath path, long nowMs, TcpSignal signal = TcpSignal.None) =>
        Find(key, _hash.Of(key), headerOut, out path, nowMs, signal, mayBeOther: true);

    /// <summary>The same for a key that this table has prefetched.</summary>
    /// <inheritdoc cref="Find(in FlowKey, Span{byte}, out OuterPath, long, TcpSignal)"/>
    public int Find(in FlowProbe key, Span<byte> headerOut, out OuterPath path, long nowMs, TcpSignal signal = TcpSignal.None) =>
        Find(key.Key, key.Hash, headerOut, out path, nowMs, signal, mayBeOther: true);

    /// <summary>The same for exactly the packet's direction: the other one's header does not stand in.</summary>
    /// <inheritdoc cref="Find(in FlowKey, Span{byte}, out OuterPath, long, TcpSignal)"/>
    public int FindExact(in FlowKey key, Span<byte> headerOut, out OuterPath path, long nowMs, TcpSignal signal = TcpSignal.None) =>
        Find(key, _hash.Of(key), headerOut, out path, nowMs, signal, mayBeOther: false);

    /// <summary>The same for exactly the direction of a key that this table has prefetched.</summary>
    /// <inheritdoc cref="Find(in FlowKey, Span{byte}, out OuterPath, long, TcpSignal)"/>
    public int FindExact(in FlowProbe key, Span<byte> headerOut, out OuterPath path, long nowMs, TcpSignal signal = TcpSignal.None) =>
        Find(key.Key, key.Hash, headerOut, out path, nowMs, signal, mayBeOther: false);

    /// <summary>
    /// Takes out flows that have been idle too long, going on from where the last call stopped. One thread at a time.
    /// </summary>
    /// <param name="nowMs">Coarse monotonic time, milliseconds.</param>
    /// <param name="budget">About how many places to visit, at least one bucket of 16.</param>
    public SweepResult Sweep(long nowMs, int budget)
    {
        foreach (FlowDirectory family in _families)
            family.PrepareToGrow();
        return _sweeper.Sweep(FlowTicks.Of(nowMs), budget);
    }

    /// <summary>
    /// Makes room for flows before they come: as many of the family, with those that are there, will find their memory resident and need no
    /// reorganisation of the table. No more than the table, and its budget, may hold. Any thread, at any time: others are held up for
    /// some tens of microseconds at most. Costs next to nothing when there is room already.
    /// </summary>
    /// <param name="family">Which of the two.</param>
    /// <param name="flows">How many.</param>
    /// <returns>False when there was no memory for all of them; the table is as usable as before.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public bool Reserve(FlowFamily family, long flows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(flows);
        return FlowReservation.TryReserve(_families[(int)family], Math.Min(flows, _counters.MaxFlows));
    }

    /// <summary>Frees the memory. No thread may be in the table, nor come back to it.</summary>
    public void Dispose()
    {
        if (_isDisposed)
            return;

        _isDisposed = true;
        foreach (FlowDirectory family in _families)
            family.Dispose();
        _templates.Dispose();
        _counters.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private LearnResult Learn(
        in FlowKey key, ulong hash, ReadOnlySpan<byte> geneveHeader, in GwlbGeneveHeader parsed, in OuterPath path, long nowMs, TcpSignal signal)
    {
        var header = new ReceivedHeader(geneveHeader, parsed, path);
        uint now = FlowTicks.Of(nowMs);
        if (!IsKnown(key, hash, header, now))
            return _admission.Admit(key, hash, header, now, signal);
        if (signal != TcpSignal.None)
            Note(key, hash, signal);
        return default;
    }

    [SkipLocalsInit]
    private unsafe int Find(
        in FlowKey key, ulong hash, Span<byte> headerOut, out OuterPath path, long nowMs, TcpSignal signal, bool mayBeOther)
    {
        if (headerOut.Length < GwlbGeneveHeader.MaximumLength)
            ThrowTooShort();

        FlowDirectory family = _families[(int)key.Family];
        while (true)
        {
            FlowReading reading = family.Read(key, hash);
            HeaderSlot slot = reading.Own.IsEmpty && mayBeOther ? reading.Other : reading.Own;
            if (slot.IsEmpty)
            {
                path = default;
                return 0;
            }

            HeaderTemplate* template = _templates.At(slot.Template);
            path = new OuterPath(template->LoadBalancerAddress, template->LocalAddress, slot.SourcePort);
            int length = HeaderTemplate.Write(template, slot, headerOut);
            if (reading.IsStillTrue)
            {
                FlowEntry.Touch(reading.Entry, FlowTicks.Of(nowMs));
                if (signal != TcpSignal.None)
                    Note(key, hash, signal);
                return length;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe bool IsKnown(in FlowKey key, ulong hash, in ReceivedHeader header, uint now)
    {
        FlowDirectory family = _families[(int)key.Family];
        while (true)
        {
            FlowReading reading = family.Read(key, hash);
            if (reading.Own.IsEmpty || !header.HasValuesOf(reading.Own))
                return false;

            bool matches = HeaderTemplate.Matches(_templates.At(reading.Own.Template), header) && !_rules.IsStale(reading.Entry, now);
            if (!reading.IsStillTrue)
                continue;
            if (matches)
            {
                FlowEntry.Touch(reading.Entry, now);
                _rules.Count(reading.Entry);
            }

            return matches;
        }
    }

    // The few packets of a connection that say something take the segment's gate: of two at the same moment neither is lost, and none is
    // noted of another flow.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe void Note(in FlowKey key, ulong hash, TcpSignal signal)
    {
        FlowSegment* segment = _families[(int)key.Family].Take(hash);
        FlowEntry* entry = FlowSegment.Find(segment, key, hash);
        if (entry != null)
            FlowEntry.Note(entry, key.Direction, signal);
        SpinGate.Exit(ref segment->Gate);
    }

    [DoesNotReturn]
    private static void ThrowTooShort() =>
        throw new ArgumentException($"The buffer for a Geneve header needs {GwlbGeneveHeader.MaximumLength} bytes.");
}
