using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Flows;

/// <summary>
/// Mutual exclusion for a few hundred nanoseconds over a word of native memory, without the managed allocation that
/// <see cref="Lock"/> makes when it is contended. A waiter yields its core rather than sleeping, since the holder may have been
/// preempted.
/// </summary>
internal static class SpinGate
{
    /// <summary>Waits until the gate is ours. A full fence.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Enter(ref int gate)
    {
        if (Interlocked.CompareExchange(ref gate, 1, 0) != 0)
            Wait(ref gate);
    }

    /// <summary>Lets the next one in; what was written before is seen by it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Exit(ref int gate) => Volatile.Write(ref gate, 0);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Wait(ref int gate)
    {
        SpinWait spin = default;
        do
            spin.SpinOnce(sleep1Threshold: -1);
        while (Volatile.Read(ref gate) != 0 || Interlocked.CompareExchange(ref gate, 1, 0) != 0);
    }
}
