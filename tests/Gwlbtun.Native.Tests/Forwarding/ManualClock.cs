namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>A clock in the test's hand.</summary>
internal sealed class ManualClock : TimeProvider
{
    public double NowMs { get; private set; }

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp() => (long)(NowMs * 1e6);

    public void Pass(double milliseconds) => NowMs += milliseconds;
}
