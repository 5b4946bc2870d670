namespace Gwlbtun.Native.Tests;

/// <summary>What code allocates on the managed heap, measured beside other tests.</summary>
internal static class Allocations
{
    private const int Rounds = 5;

    /// <summary>
    /// Bytes that the calling thread allocated in the round, of a few alike, that allocated least: 0 as soon as one allocated nothing. A
    /// collection, which any thread may cause, takes away what is left of this thread's allocation buffer, up to 8 KB, and that then counts
    /// as allocated: now and then. What the round itself allocates shows each time.
    /// </summary>
    public static long InLeastRound(Action round) => InLeastRound(round, GC.GetAllocatedBytesForCurrentThread);

    /// <summary>The same of other threads.</summary>
    /// <param name="round">Has them do what is measured.</param>
    /// <param name="allocatedBytes">What they have allocated so far.</param>
    public static long InLeastRound(Action round, Func<long> allocatedBytes)
    {
        long least = long.MaxValue;
        for (int i = 0; i < Rounds && least != 0; i++)
        {
            long before = allocatedBytes();
            round();
            least = Math.Min(least, allocatedBytes() - before);
        }

        return least;
    }
}
