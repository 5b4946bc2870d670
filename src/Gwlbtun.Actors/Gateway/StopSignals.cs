using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.Gateway;

/// <summary>
/// SIGTERM and SIGINT, from the first moment of the process to its last: one that comes before there is anything to stop, or after all has stopped, must
/// not end the process by its default action, with another exit code. SIGHUP is ignored: a terminal that closes does not take the tunnels down,
/// and there is nothing to reload.
/// </summary>
internal sealed class StopSignals
{
    private readonly Lock _lock = new();

    // For the life of the process, so never disposed.
    private readonly PosixSignalRegistration[] _registrations;
    private readonly List<PosixSignal> _early = [];
    private Action<PosixSignal>? _handler;

    public StopSignals()
    {
        // A shell that starts us in the background has SIGINT ignored, and its stop is often a SIGINT all the same.
        Signals.RestoreDefault(Signals.SIGINT);
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true),
        ];
    }

    /// <summary>Has each signal told from now on, and those that came before at once.</summary>
    public void Attach(Action<PosixSignal> handler)
    {
        PosixSignal[] early;
        lock (_lock)
        {
            _handler = handler;
            early = [.. _early];
        }

        foreach (var signal in early)
            handler(signal);
        GC.KeepAlive(_registrations);
    }

    internal void OnSignal(PosixSignalContext context)
    {
        Action<PosixSignal>? handler;
        lock (_lock)
        {
            handler = _handler;
            // Cancel: the default action would end the process here and now. That is for whoever asks twice while there is nothing to stop yet:
            // a configuration that is read from a pipe may never come.
            context.Cancel = handler is not null || _early.Count == 0;
            if (handler is null)
                _early.Add(context.Signal);
        }

        handler?.Invoke(context.Signal);
    }
}
