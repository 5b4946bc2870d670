using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// How many flows the tables of all endpoints may hold together. Each table has a floor of flows that is set aside for it, so that a
/// flood at one endpoint does not starve the others; the rest is shared, and for whoever comes first. A table that gets nothing of it
/// has its own flows give way to each other.
/// </summary>
/// <remarks>
/// <para>Touched when a flow beyond a table's floor comes or goes, never by the packets of a known one. A unit is taken before the table
/// counts the flow and given back after it has ceased to count it: so the bound holds at every moment.</para>
/// <para>With several tables, a small part of what is shared is kept: the first half of it for tables that have less than an equal share,
/// all of it for those where only established flows are left to give way. Whatever is taken of it is wanted back: tables that may not
/// have it themselves let a weak flow go in addition with each new one, and when they are swept. So a flood at one endpoint, once it
/// has used up what is shared, pays for the flows of the others.</para>
/// </remarks>
public sealed class FlowBudget
{
    private const long HighestFloor = 1024;

    // An eighth of the total for the floors: one busy endpoint has nearly all of it.
    private const long LeastSharedParts = 8;

    // A thirty-second of what is shared is kept.
    private const long KeptParts = 32;

    private readonly long _shared;
    private readonly int _maxTables;
    private int _tables;
    private int _tablesWithFloor;
    private OwnLine _taken;

    /// <param name="maxTotal">The most flows in all tables together, at least 1.</param>
    /// <param name="maxTables">For how many tables a floor is set aside, at least 1; further ones live on what is shared.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public FlowBudget(long maxTotal, int maxTables)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTotal, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTables, 1);
        MaxTotal = maxTotal;
        Floor = Math.Min(HighestFloor, maxTotal / (LeastSharedParts * maxTables));
        _maxTables = maxTables;
        _shared = maxTotal - (Floor * maxTables);
        Kept = _shared / KeptParts;
    }

    /// <summary>The most flows in all tables together.</summary>
    public long MaxTotal { get; }

    /// <summary>How many flows a table may have whatever the others do: at most 1,024, and at most an eighth of the total for all floors together.</summary>
    public long Floor { get; }

    /// <summary>The most flows that one table may have, with its floor.</summary>
    public long MaxOfOne => _shared + Floor;

    /// <summary>What is kept of the shared flows when there are several tables.</summary>
    internal long Kept { get; }

    /// <summary>What the tables have taken beyond their floors.</summary>
    internal long SharedTaken => Volatile.Read(ref _taken.Value);

    /// <summary>A table comes: says its floor.</summary>
    internal long Join()
    {
        Interlocked.Increment(ref _tables);
        if (Interlocked.Increment(ref _tablesWithFloor) <= _maxTables)
            return Floor;
        Interlocked.Decrement(ref _tablesWithFloor);
        return 0;
    }

    /// <summary>A table goes, with the floor that it was told and what it still has of the rest.</summary>
    internal void Leave(long floor, long shared)
    {
        Interlocked.Add(ref _taken.Value, -shared);
        Interlocked.Decrement(ref _tables);
        if (floor > 0)
            Interlocked.Decrement(ref _tablesWithFloor);
    }

    /// <summary>Takes one flow of what is shared; false when nothing is left for this table.</summary>
    /// <param name="held">What the table has of it.</param>
    /// <param name="isAllEstablished">Whether an established flow of its own would have to go instead.</param>
    internal bool TryTake(long held, bool isAllEstablished)
    {
        while (true)
        {
            long taken = SharedTaken;
            if (taken >= _shared - Kept && taken >= (isAllEstablished ? _shared : MaxTakenFor(held)))
                return false;
            if (Interlocked.CompareExchange(ref _taken.Value, taken + 1, taken) == taken)
                return true;
        }
    }

    internal void GiveBack() => Interlocked.Decrement(ref _taken.Value);

    /// <summary>Whether more is taken than a table that has so much of it could take: others need it.</summary>
    internal bool IsWantedBack(long held)
    {
        long taken = SharedTaken;
        return taken > _shared - Kept && taken > MaxTakenFor(held);
    }

    private long MaxTakenFor(long held)
    {
        int tables = Volatile.Read(ref _tables);
        return tables <= 1 ? _shared
            : held < _shared / tables ? _shared - Kept + (Kept / 2)
            : _shared - Kept;
    }

    // Nobody's stores to anything else disturb it.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct OwnLine
    {
        [FieldOffset(64)]
        public long Value;
    }
}
