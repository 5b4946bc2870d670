using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// How many flows the tables of all endpoints may hold together. Each table has a floor of flows that is set aside for it, so that a
/// flood at one endpoint does not starve the others; the rest is for whoever comes first. A table that gets nothing of it has its own
/// flows give way to each other.
/// </summary>
/// <remarks>
/// Touched when a flow beyond a table's floor comes or goes, never by the packets of a known one. A unit is taken before the table
/// counts the flow and given back after it has ceased to count it: so the bound holds at every moment.
/// </remarks>
public sealed class FlowBudget
{
    private const long HighestFloor = 1024;

    // An eighth of the total for the floors: one busy endpoint has nearly all of it.
    private const long LeastSharedParts = 8;

    private readonly long _shared;
    private readonly int _maxTables;
    private int _tables;
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
    }

    /// <summary>The most flows in all tables together.</summary>
    public long MaxTotal { get; }

    /// <summary>How many flows a table may have whatever the others do: at most 1,024, and at most an eighth of the total for all floors together.</summary>
    public long Floor { get; }

    /// <summary>The most flows that one table may have, with its floor.</summary>
    internal long MaxOfOne => _shared + Floor;

    /// <summary>What the tables have taken beyond their floors.</summary>
    internal long SharedTaken => Volatile.Read(ref _taken.Value);

    /// <summary>A table comes: says its floor.</summary>
    internal long Join()
    {
        if (Interlocked.Increment(ref _tables) <= _maxTables)
            return Floor;
        Interlocked.Decrement(ref _tables);
        return 0;
    }

    /// <summary>A table goes, with the floor that it was told and what it still has of the rest.</summary>
    internal void Leave(long floor, long shared)
    {
        Interlocked.Add(ref _taken.Value, -shared);
        if (floor > 0)
            Interlocked.Decrement(ref _tables);
    }

    /// <summary>Takes one flow of what is shared; false when nothing is left.</summary>
    internal bool TryTake()
    {
        if (Interlocked.Increment(ref _taken.Value) <= _shared)
            return true;
        Interlocked.Decrement(ref _taken.Value);
        return false;
    }

    internal void GiveBack() => Interlocked.Decrement(ref _taken.Value);

    // Nobody's stores to anything else disturb it.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct OwnLine
    {
        [FieldOffset(64)]
        public long Value;
    }
}
