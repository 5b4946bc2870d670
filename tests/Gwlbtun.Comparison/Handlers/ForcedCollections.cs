using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;

namespace Gwlbtun.Comparison.Handlers;

/// <summary>
/// Has a .NET process collect its whole heap (generation 2, blocking) again and again, from outside, until disposed of. Of a process without the runtime it asks nothing.
/// </summary>
internal sealed class ForcedCollections : IDisposable
{
    // A session with GCHeapCollectKeyword of the runtime's events begins with a collection of everything.
    private const string RuntimeProvider = "Microsoft-Windows-DotNETRuntime";
    private const long GCHeapCollectKeyword = 0x80_0000;

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _collecting;

    /// <param name="processId">Whose heap.</param>
    /// <param name="interval">From one collection to the next.</param>
    public ForcedCollections(int processId, TimeSpan interval) =>
        _collecting = DiagnosticsClient.GetPublishedProcesses().Contains(processId) ? CollectAsync(new(processId), interval) : Task.CompletedTask;

    /// <exception cref="ServerNotAvailableException">The process had ended.</exception>
    public void Dispose()
    {
        _stop.Cancel();
        _collecting.GetAwaiter().GetResult();
        _stop.Dispose();
    }

    private async Task CollectAsync(DiagnosticsClient runtime, TimeSpan interval)
    {
        EventPipeProvider collect = new(RuntimeProvider, EventLevel.Informational, GCHeapCollectKeyword);
        using PeriodicTimer timer = new(interval);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                using EventPipeSession session = await runtime.StartEventPipeSessionAsync(collect, requestRundown: false, token: _stop.Token).ConfigureAwait(false);
                Task read = session.EventStream.CopyToAsync(Stream.Null, CancellationToken.None);
                await session.StopAsync(CancellationToken.None).ConfigureAwait(false);
                await read.ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // That is how it ends.
        }
    }
}
