using System.Text;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Stats;

namespace Gwlbtun.Actors.Health;

/// <summary>A report made ready to be sent to any number of clients, and the time stamp it was ready at.</summary>
internal sealed record HealthAnswer(bool Healthy, ReadOnlyMemory<byte> Body, long ReadyAt);

/// <summary>
/// Turns reports into answers. However many clients ask, at most one report is being taken at any time, and it serves
/// everybody who asks within <see cref="Freshness"/> of it: polling the endpoint harder does not make it cost more.
/// </summary>
internal sealed class HealthAnswers(IHealthSource source, HealthSettings settings, TimeProvider time)
{
    /// <summary>How long a report is waited for.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>For how long an answer is given again.</summary>
    public static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private Task<HealthAnswer>? _latest;
    private bool _isStopping;

    /// <summary>From now on, every answer is unhealthy.</summary>
    public void BeginShutdown()
    {
        lock (_lock)
        {
            _isStopping = true;
            _latest = null;
        }
    }

    /// <summary>The answer to give now. What keeps the report from being taken makes an unhealthy answer, not a failure.</summary>
    public Task<HealthAnswer> GetAsync()
    {
        lock (_lock)
        {
            if (_latest is { IsCompleted: false } ||
                (_latest is { IsCompletedSuccessfully: true } && time.GetElapsedTime(_latest.Result.ReadyAt) < Freshness))
                return _latest;
            var isStopping = _isStopping;
            return _latest = Task.Run(() => TakeAsync(isStopping));
        }
    }

    private async Task<HealthAnswer> TakeAsync(bool isStopping)
    {
        var report = await ReportAsync().ConfigureAwait(false);
        if (isStopping && !report.Problems.Contains(GatewayReport.ShuttingDown))
            report = report with { Healthy = false, Problems = [GatewayReport.ShuttingDown, .. report.Problems] };
        return new HealthAnswer(report.Healthy, settings.StatusOnly ? default : Render(report), time.GetTimestamp());
    }

    private async Task<GatewayReport> ReportAsync()
    {
        using var bound = new CancellationTokenSource(Patience, time);
        try
        {
            return await source.ReportAsync(bound.Token).WaitAsync(bound.Token).ConfigureAwait(false);
        }
        catch (Exception) when (bound.IsCancellationRequested)
        {
            return GatewayReport.Unavailable($"The handler did not report its state within {Patience.TotalSeconds:0.#} s.");
        }
        catch (Exception e)
        {
            return GatewayReport.Unavailable($"The handler failed to report its state: {e.Message}");
        }
    }

    private ReadOnlyMemory<byte> Render(GatewayReport report) => settings.Format switch
    {
        HealthFormat.Json => JsonReport.Render(report),
        _ => Encoding.UTF8.GetBytes(TextReport.Render(report)),
    };
}
