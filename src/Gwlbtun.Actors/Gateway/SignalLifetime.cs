using System.Runtime.InteropServices;
using Gwlbtun.Actors.Logging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Gateway;

/// <summary>
/// Ends the host on SIGTERM and SIGINT alike; a second one cuts the drain time short. SIGHUP is ignored: a terminal that closes does not take
/// the tunnels down, and there is nothing to reload.
/// </summary>
internal sealed partial class SignalLifetime(IHostApplicationLifetime lifetime, Drain drain, ILoggerFactory loggers) : IHostLifetime, IDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger(LogSections.Core);
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _received;

    /// <summary>Whether a signal has asked for the end.</summary>
    public bool IsSignalled => Volatile.Read(ref _received) > 0;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void Stop(PosixSignalContext context)
    {
        // Cancel: the default action would end the process here and now.
        context.Cancel = true;
        if (Interlocked.Increment(ref _received) == 1)
        {
            Stopping(_logger, context.Signal.ToString());
            lifetime.StopApplication();
        }
        else
        {
            drain.CutShort();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Signal}: stopping")]
    private static partial void Stopping(ILogger logger, string signal);
}
