using System.Numerics;
using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// Which of several flows gives way when the table is full: the one with the fewest packets, by class (1, 2-3, 4-7, 8 and more), and of
/// these the least recently used. A flood of new flows therefore displaces itself, however fast it turns the table over.
/// </summary>
/// <remarks>
/// Only packets that the load balancer sent are counted: whether one went back says nothing, since a transparent appliance returns each
/// packet of a flood, and another answers each. A class is lost with every 30 s of idleness, so that dead flows do not keep the table
/// from living ones.
/// </remarks>
internal static unsafe class FlowStanding
{
    /// <summary>With so many packets a flow is established, and is counted no further.</summary>
    public const byte Established = 8;

    private const int HighestClass = 3;
    private static readonly int _ticksUntilSpent = FlowTicks.Beyond(TimeSpan.FromSeconds(1));
    private static readonly int _ticksForClass = FlowTicks.Beyond(TimeSpan.FromSeconds(30));

    /// <summary>Counts a packet from the load balancer. Two at the same moment may count as one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Count(FlowEntry* entry)
    {
        if (entry->Packets < Established)
            entry->Packets++;
    }

    /// <summary>A flow gives way before those with a smaller number.</summary>
    public static long Weakness(FlowEntry* entry, uint now)
    {
        int idle = Math.Max(FlowTicks.Since(entry->LastUsed, now), 0);
        int reached = BitOperations.Log2(entry->Packets);
        int kept = Math.Max(reached - (idle / _ticksForClass), 0);
        return ((long)(HighestClass - kept) << 32) | (uint)idle;
    }

    /// <summary>Whether a flow had a single packet, or is long idle, and nothing has used it for a second: it would be among the first to give way.</summary>
    public static bool IsSpent(FlowEntry* entry, uint now)
    {
        long weakness = Weakness(entry, now);
        return weakness >> 32 == HighestClass && (uint)weakness > _ticksUntilSpent;
    }

    /// <summary>Whether a number is that of a flow which is established and active.</summary>
    public static bool IsEstablished(long weakness) => weakness >> 32 == 0;
}
