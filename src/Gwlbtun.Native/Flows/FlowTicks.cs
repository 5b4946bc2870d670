namespace Gwlbtun.Native.Flows;

/// <summary>
/// The time of last use: 32 bits in steps of 128 ms. They wrap after 17 years, and differences are right as long as
/// no flow is idle for half of that.
/// </summary>
internal static class FlowTicks
{
    private const int Shift = 7;

    public static uint Of(long milliseconds) => (uint)(milliseconds >> Shift);

    /// <summary>How long <paramref name="then"/> is ago; negative when it lies ahead of a thread whose clock was read earlier.</summary>
    public static int Since(uint then, uint now) => (int)(now - then);

    /// <summary>The number of ticks that must be exceeded for a time to have passed for certain: never too early, at most two ticks late.</summary>
    public static int Beyond(TimeSpan time) => (int)(((long)time.TotalMilliseconds + (1 << Shift) - 1) >> Shift);
}
