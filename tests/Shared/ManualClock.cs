namespace Gwlbtun.Shared;

/// <summary>A clock that stands still until told; its timers are real.</summary>
internal sealed class ManualClock : TimeProvider
{
    /// <summary>How much has passed.</summary>
    public TimeSpan Now { get; private set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Now.Ticks;

    public void Advance(TimeSpan by) => Now += by;
}
