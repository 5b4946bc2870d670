using Gwlbtun.Actors.Lifecycle;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Stats;

/// <summary>What a report is made from. <see cref="StatsActor"/>'s own; it outlives restarts of the actor.</summary>
internal sealed class ReportSources(DataPlaneOptions options)
{
    private readonly SortedDictionary<ulong, EniNote> _enis = [];
    private readonly ulong[] _formerDrops = new ulong[DropReasons.Count];

    public DataPlaneOptions Options { get; } = options;

    public HookCounters Hooks { get; } = new();

    public ThreadNotes<ReceiveThread> Receivers { get; } = new(options.ReceiveThreads.Count, (thread, totals) => thread.AddDropsTo(totals));

    public ThreadNotes<TunnelThread> TunnelThreads { get; } = new(options.TunnelThreads.Count, (_, _) => { });

    public bool IsStopping { get; set; }

    /// <summary>The endpoints by ID.</summary>
    public IReadOnlyCollection<EniNote> Enis => _enis.Values;

    public void Note(EniStateChanged changed)
    {
        var firstSeen = _enis.TryGetValue(changed.Gate.EniId, out var known) ? known.FirstSeenMs : Environment.TickCount64;
        _enis[changed.Gate.EniId] = new EniNote(changed, firstSeen);
    }

    /// <summary>Its drops stay in the totals.</summary>
    public void Forget(EniGate gate)
    {
        if (_enis.TryGetValue(gate.EniId, out var known) && known.Last.Gate == gate)
            _enis.Remove(gate.EniId);
        gate.AddDropsTo(_formerDrops);
    }

    /// <summary>Every drop since the start, indexed by <see cref="DropReason"/>.</summary>
    public ulong[] Drops()
    {
        var totals = (ulong[])_formerDrops.Clone();
        Receivers.AddDropsTo(totals);
        foreach (var eni in _enis.Values)
            eni.Last.Gate.AddDropsTo(totals);
        return totals;
    }
}

/// <summary>What is known of an endpoint.</summary>
/// <param name="Last">What was told last.</param>
/// <param name="FirstSeenMs">When it was first told of, in milliseconds of <see cref="Environment.TickCount64"/>.</param>
internal sealed record EniNote(EniStateChanged Last, long FirstSeenMs);

/// <summary>The threads of one kind, with what their predecessors counted: a replaced thread goes on counting from there.</summary>
internal sealed class ThreadNotes<T>(int count, Action<T, ulong[]> addDrops)
    where T : DataThread
{
    private readonly CounterSnapshot[] _former = new CounterSnapshot[count];
    private readonly ulong[] _formerDrops = new ulong[DropReasons.Count];

    public IReadOnlyList<T> Threads { get; private set; } = [];

    public void Note(IReadOnlyList<T> threads, T? replaced)
    {
        if (replaced is not null)
        {
            _former[replaced.Index] = CountersOf(replaced);
            addDrops(replaced, _formerDrops);
        }

        Threads = threads;
    }

    public CounterSnapshot CountersOf(T thread)
    {
        var former = _former[thread.Index];
        var own = thread.Counters;
        return new(former.Packets + own.Packets, former.Bytes + own.Bytes, Math.Max(former.LastMs, own.LastMs));
    }

    public void AddDropsTo(ulong[] totals)
    {
        for (var reason = 0; reason < totals.Length; reason++)
            totals[reason] += _formerDrops[reason];
        foreach (var thread in Threads)
            addDrops(thread, totals);
    }
}
