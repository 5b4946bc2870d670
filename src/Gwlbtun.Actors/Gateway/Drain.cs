namespace Gwlbtun.Actors.Gateway;

/// <summary>The time for which traffic goes on after health has turned 503. It can be cut short.</summary>
public sealed class Drain : IDisposable
{
    private readonly CancellationTokenSource _cut = new();

    /// <summary>Ends the wait, the one that runs or the one to come.</summary>
    public void CutShort() => _cut.Cancel();

    /// <summary>Waits for so long, or until it is cut short.</summary>
    public async Task WaitAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, _cut.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // That is what it is for.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _cut.Dispose();
}
