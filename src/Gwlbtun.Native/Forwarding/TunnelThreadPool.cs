using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Uplink;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// The tunnel threads: one fixed pool for the tunnels of all endpoints. Not thread-safe: its owner alone calls it.
/// </summary>
public sealed class TunnelThreadPool : IDisposable
{
    private readonly DataPlaneOptions _options;
    private readonly UdpSocket _receiveSocket;
    private readonly Quiescence _quiescence;
    private readonly IDataPlaneObserver _observer;
    private readonly TunnelThread[] _threads;
    private readonly HashSet<TunnelPort> _ports = [];
    private readonly NextHops? _hops;

    /// <summary>Creates and starts the threads.</summary>
    /// <param name="options">The data plane's options.</param>
    /// <param name="receiveSocket">Any of the receive sockets; it must outlive the pool.</param>
    /// <param name="quiescence">Where the threads report their turns.</param>
    /// <param name="observer">Whom they tell.</param>
    /// <exception cref="LinuxException">A descriptor could not be had.</exception>
    public TunnelThreadPool(DataPlaneOptions options, UdpSocket receiveSocket, Quiescence quiescence, IDataPlaneObserver observer)
    {
        _options = options;
        _receiveSocket = receiveSocket;
        _quiescence = quiescence;
        _observer = observer;
        if (options.Offloads.Send && options.ReturnTraffic)
        {
            _hops = NextHops.TryOpen(observer.OnUplinkLost, out var error);
            UplinkError = _hops is null ? error : null;
        }

        _threads = new TunnelThread[options.TunnelThreads.Count];
        try
        {
            for (var i = 0; i < _threads.Length; i++)
                _threads[i] = Create(i);
        }
        catch
        {
            foreach (var created in _threads)
                created?.Dispose();
            _hops?.Dispose();
            throw;
        }

        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>The threads, by number.</summary>
    public IReadOnlyList<TunnelThread> Threads => _threads;

    /// <summary>Whether packets return through bound UDP sockets, because a raw socket could not be had (CAP_NET_RAW).</summary>
    public bool UsesBoundSockets { get; private set; }

    /// <summary>Why the uplink's routes and neighbours cannot be followed, so that packets leave one by one through the raw socket; null when they are, or need not be.</summary>
    public LinuxError? UplinkError { get; }

    /// <summary>Has the port's devices read from now on.</summary>
    public void Attach(TunnelPort port)
    {
        _ports.Add(port);
        foreach (var thread in _threads)
            thread.Attach(port);
    }

    /// <summary>Has the port's devices read no more. The caller awaits <see cref="Quiescence"/> before it disposes the port.</summary>
    public void Detach(TunnelPort port)
    {
        _ports.Remove(port);
        foreach (var thread in _threads)
            thread.Detach(port);
    }

    /// <summary>
    /// Puts a new thread in the place of one that died, with the same number and queues. The caller disposes the dead one, once nobody
    /// reads its counters any more.
    /// </summary>
    /// <exception cref="LinuxException">A descriptor could not be had.</exception>
    public void Replace(TunnelThread dead)
    {
        var thread = Create(dead.Index);
        try
        {
            foreach (var port in _ports)
                thread.Attach(port);
        }
        catch
        {
            thread.Dispose();
            throw;
        }

        _threads[dead.Index] = thread;
        thread.Start();
    }

    /// <summary>Stops the threads after they have returned what is in flight, and waits until they have ended.</summary>
    public async Task StopAsync()
    {
        foreach (var thread in _threads)
            thread.RequestStop();
        await Task.WhenAll(_threads.Select(thread => thread.Completion)).ConfigureAwait(false);
    }

    /// <summary>Frees the threads' memory and sockets. They must have ended.</summary>
    public void Dispose()
    {
        foreach (var thread in _threads)
            thread.Dispose();
        _hops?.Dispose();
    }

    private TunnelThread Create(int index)
    {
        var path = ReturnPath.Open(_receiveSocket, _hops, _options.Offload.Join);
        UsesBoundSockets = path.UsesBoundSockets && _options.ReturnTraffic;
        try
        {
            return new TunnelThread(index, _options, path, _quiescence, _observer);
        }
        catch
        {
            path.Dispose();
            throw;
        }
    }
}
