using System.Runtime.InteropServices;
using Gwlbtun.Actors.Logging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>Ends the host on SIGTERM and SIGINT alike; a second one cuts the drain time short.</summary>
internal sealed partial class SignalLifetime(IHostApplicationLifetime lifetime, StopSignals signals, Drain drain, ILoggerFactory loggers) : IHostLifetime
{
    private readonly ILogger _logger = loggers.CreateLogger(LogSections.Core);
    private int _received;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        signals.Attach(OnSignal);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void OnSignal(PosixSignal signal)
    {
        if (Interlocked.Increment(ref _received) == 1)
        {
            Stopping(_logger, signal.ToString());
            // One that comes while the host starts waits until it has: only what has started is stopped in order.
            lifetime.ApplicationStarted.Register(lifetime.StopApplication);
        }
        else
        {
            drain.CutShort();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Signal}: stopping")]
    private static partial void Stopping(ILogger logger, string signal);
}
