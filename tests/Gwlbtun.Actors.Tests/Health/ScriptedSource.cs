using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Stats;

namespace Gwlbtun.Actors.Tests.Health;

/// <summary>A health source that says what the test wants, when the test wants it.</summary>
internal sealed class ScriptedSource(GatewayReport? report = null) : IHealthSource
{
    private TaskCompletionSource<GatewayReport>? _held;
    private int _asked;

    public int Asked => _asked;

    public GatewayReport Report { get; set; } = report ?? SampleReports.Healthy;

    /// <summary>Reports wait for the result set on what is returned.</summary>
    public TaskCompletionSource<GatewayReport> Hold() =>
        _held = new TaskCompletionSource<GatewayReport>(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Reports are given at once again.</summary>
    public void Release() => _held = null;

    public Task<GatewayReport> ReportAsync(CancellationToken cancellation)
    {
        Interlocked.Increment(ref _asked);
        return _held?.Task ?? Task.FromResult(Report);
    }
}
