using System.Diagnostics.Tracing;
using System.Net.Sockets;
using Microsoft.Diagnostics.NETCore.Client;

namespace Gwlbtun.Comparison.Handlers;

/// <summary>Has a process on the .NET runtime collect its whole heap (generation 2, blocking) again and again, from outside, until disposed of.</summary>
internal sealed class ForcedCollections : IDisposable
{
    // A session with GCHeapCollectKeyword of the runtime's events begins with a collection of everything.
    private const string RuntimeProvider = "Microsoft-Windows-DotNETRuntime";
    private const long GCHeapCollectKeyword = 0x80_0000;

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _collecting;
    private int _count;
    private string? _cause;

    /// <param name="processId">Whose heap.</param>
    /// <param name="interval">From one collection to the next; half of it until the first.</param>
    public ForcedCollections(int processId, TimeSpan interval) => _collecting = CollectAsync(new(processId), interval);

    /// <summary>Why there were none, or no more; null if there were. Once it is disposed of.</summary>
    public string? Failure => _cause ?? (_count == 0 ? "no garbage collection was forced" : null);

    public void Dispose()
    {
        if (_collecting.IsCompleted)
            return;
        _stop.Cancel();
        _collecting.GetAwaiter().GetResult();
        _stop.Dispose();
    }

    private async Task CollectAsync(DiagnosticsClient runtime, TimeSpan interval)
    {
        EventPipeProvider collect = new(RuntimeProvider, EventLevel.Informational, GCHeapCollectKeyword);
        try
        {
            await Task.Delay(interval / 2, _stop.Token).ConfigureAwait(false);
            using PeriodicTimer timer = new(interval);
            do
            {
                using EventPipeSession session = await runtime.StartEventPipeSessionAsync(collect, requestRundown: false, token: _stop.Token).ConfigureAwait(false);
                _count++;
                Task read = session.EventStream.CopyToAsync(Stream.Null, CancellationToken.None);
                await session.StopAsync(CancellationToken.None).ConfigureAwait(false);
                await read.ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // That is how it ends.
        }
        catch (Exception e) when (e is DiagnosticsClientException or IOException or SocketException)
        {
            _cause = "forcing a garbage collection: " + e.Message;
        }
    }
}
