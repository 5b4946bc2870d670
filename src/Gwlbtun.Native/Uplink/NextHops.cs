using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Uplink;

/// <summary>
/// Where outer packets to load balancer nodes leave, by the kernel's routes and neighbours. A control thread asks the kernel when a data
/// thread looks for a destination that is not known, and follows the kernel's notifications from then on. When nothing changes it sleeps.
/// </summary>
/// <remarks>
/// Protocol: the control thread alone makes destinations, and publishes them as a <see cref="DestinationTable"/> that never changes; where a
/// destination leaves is one reference in it (<see cref="Destination"/>), taken back as soon as a notification says that it may be wrong, and
/// set anew when the kernel was asked after that notification. Data threads read both without a lock, and speak to the control thread
/// through <see cref="Questions"/>, a destination's watch, and an eventfd.
/// </remarks>
internal sealed class NextHops : IDisposable
{
    /// <summary>How long a destination without a hop is left alone, in milliseconds, unless the kernel tells of something before.</summary>
    public const int RetryMs = 3_000;

    /// <summary>Milliseconds from telling the kernel that a stale neighbour is in use to telling it again.</summary>
    public const int ConfirmMs = 5_000;

    /// <summary>Destinations that are kept at most.</summary>
    public const int MaximumDestinations = 1_024;

    // News come in bursts: the kernel is asked at once for the first and, this many milliseconds later, once for all that followed.
    public const int PauseMs = 50;

    // Once all places are taken, this often those go that were not used since the last time.
    private const int EvictionMs = 2_000;

    private const int StackBytes = 256 << 10;
    private const ulong NewsToken = 0;
    private const ulong WakeToken = 1;

    private readonly Action<Exception> _onFailure;
    private readonly KernelNews _news;
    private readonly RouteQueries _queries;
    private readonly Epoll _epoll = new(2);
    private readonly EventFd _wake = new();
    private readonly Questions _questions = new();
    private readonly Dictionary<ulong, Destination> _destinations = [];
    private readonly Thread _thread;
    private DestinationTable _table = DestinationTable.Empty;
    private long _resolutions;
    private long _resolveAtMs;
    private long _evictAtMs;
    private bool _lacksRoom;
    private volatile bool _isStopping;
    private volatile bool _hasFailed;
    private volatile Exception? _failure;
    private volatile int _threadId;

    private NextHops(KernelNews news, RouteQueries queries, Action<Exception> onFailure)
    {
        _news = news;
        _queries = queries;
        _onFailure = onFailure;
        _thread = new(Run, StackBytes) { Name = "gwlbtun uplink", IsBackground = true };
    }

    /// <summary>The control thread's ID to the kernel; 0 before it runs.</summary>
    public int ThreadId => _threadId;

    /// <summary>How often the kernel was asked for a destination.</summary>
    public long Resolutions => Volatile.Read(ref _resolutions);

    /// <summary>Subscribes and starts, in the network namespace of the calling thread.</summary>
    /// <param name="onFailure">Called on the control thread when it ends for a defect: nothing is known from then on.</param>
    /// <param name="error">Why it could not be started.</param>
    public static NextHops? TryOpen(Action<Exception> onFailure, out LinuxError error)
    {
        if (KernelNews.TryOpen(out error) is not { } news)
            return null;
        if (NetlinkSocket.TryOpen(groups: 0, out error) is not { } socket)
        {
            news.Dispose();
            return null;
        }

        try
        {
            var hops = new NextHops(news, new(socket), onFailure);
            hops._epoll.Add(news.Handle, NewsToken).OrThrow("watch an rtnetlink socket");
            hops._epoll.Add(hops._wake.Handle, WakeToken).OrThrow("watch an eventfd");
            hops._thread.Start();
            return hops;
        }
        catch (LinuxException e)
        {
            news.Dispose();
            socket.Dispose();
            error = e.Error;
            return null;
        }
    }

    /// <summary>
    /// Says where packets to a destination leave. For data threads: no lock, no allocation, and a system call only when the control thread
    /// is to be woken, which is once for a destination that is not known and once for a neighbour that has gone stale.
    /// </summary>
    /// <param name="destinationAddress">The load balancer node's address, as it stands in memory.</param>
    /// <param name="sourceAddress">Our own address that the packet bears, as it stands in memory.</param>
    /// <param name="hop">Where it leaves. Not to be kept: look it up again for the next batch.</param>
    /// <returns>False when that is not known (yet), or the packet has to take a way that only the kernel knows: send it through the raw socket.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFind(uint destinationAddress, uint sourceAddress, [NotNullWhen(true)] out NextHop? hop)
    {
        var key = Destination.KeyOf(destinationAddress, sourceAddress);
        var destination = Volatile.Read(ref _table).Find(key);
        if (destination is null || destination.IsWatched)
            Tell(destination, key);
        hop = destination?.Hop;
        return hop is not null;
    }

    /// <summary>Stops the control thread. No data thread may look anything up any more.</summary>
    public void Dispose()
    {
        _isStopping = true;
        _wake.Signal();
        _thread.Join();
        _epoll.Dispose();
        _wake.Dispose();
        _news.Dispose();
        _queries.Dispose();
    }

    /// <summary>Makes the control thread throw, as a defect in it would. For tests.</summary>
    internal void Fail(Exception cause)
    {
        _failure = cause;
        _wake.Signal();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Tell(Destination? destination, ulong key)
    {
        if (_hasFailed)
            return;
        if (destination is not null ? destination.Notice() : key != 0 && _questions.Add(key))
            _wake.Signal();
    }

    private void Run()
    {
        try
        {
            _threadId = CpuAffinity.CurrentThreadId();
            while (!_isStopping)
            {
                _epoll.Wait(MillisecondsToSleep()).OrThrow("wait for the kernel's notifications");
                _wake.Drain();
                if (_failure is { } failure)
                    throw failure;
                Turn(Environment.TickCount64);
            }
        }
        catch (Exception e)
        {
            // Whatever it was: packets go through the raw socket, and the owner decides.
            _hasFailed = true;
            Volatile.Write(ref _table, DestinationTable.Empty);
            foreach (var destination in _destinations.Values)
                destination.Withdraw();
            _onFailure(e);
        }
    }

    private void Turn(long nowMs)
    {
        // First what may be wrong is taken back, then the kernel is asked: what changes after that comes with the next news.
        _news.Read(_destinations.Values, nowMs);
        TakeUses(nowMs);
        TakeQuestions(nowMs);
        if (nowMs >= _resolveAtMs)
            Resolve(nowMs);
    }

    private void TakeUses(long nowMs)
    {
        foreach (var destination in _destinations.Values)
        {
            destination.Tick(nowMs);
            if (!destination.TakeUse())
                continue;
            if (destination.Hop is null)
                destination.IsOutdated = true;
            else
                destination.NoteConfirmation(_queries.UseNeighbour(destination.Resolution.InterfaceIndex, destination.Resolution.Neighbour).IsError, nowMs);
        }
    }

    private void TakeQuestions(long nowMs)
    {
        var before = _destinations.Count;
        var hasEvicted = false;
        _lacksRoom = false;
        for (var slot = 0; slot < Questions.Slots; slot++)
        {
            var key = _questions[slot];
            if (key == 0)
                continue;
            if (_destinations.Count >= MaximumDestinations && !_destinations.ContainsKey(key))
            {
                if (nowMs >= _evictAtMs)
                {
                    Evict();
                    hasEvicted = true;
                    _evictAtMs = nowMs + EvictionMs;
                }

                if (_destinations.Count >= MaximumDestinations)
                {
                    // It keeps its slot until there is room: so it is not asked for again meanwhile.
                    _lacksRoom = true;
                    continue;
                }
            }

            _destinations.TryAdd(key, new((uint)(key >> 32), (uint)key));
            _questions.Free(slot);
        }

        if (hasEvicted || _destinations.Count != before)
            Volatile.Write(ref _table, new(_destinations.Values));
    }

    private void Evict()
    {
        foreach (var destination in _destinations.Values)
        {
            if (destination.IsIdleSinceLastLook())
                _destinations.Remove(destination.Key);
        }
    }

    private void Resolve(long nowMs)
    {
        var count = 0;
        foreach (var destination in _destinations.Values)
        {
            if (!destination.IsOutdated)
                continue;
            if (count == 0)
                _queries.AwaitChangeInProgress();
            destination.Publish(Resolution.Of(destination, _queries), nowMs);
            count++;
        }

        if (count == 0)
            return;
        _resolveAtMs = nowMs + PauseMs;
        Volatile.Write(ref _resolutions, _resolutions + count);
    }

    private int MillisecondsToSleep()
    {
        var next = _lacksRoom ? _evictAtMs : long.MaxValue;
        foreach (var destination in _destinations.Values)
            next = Math.Min(next, destination.IsOutdated ? _resolveAtMs : destination.WatchAtMs);
        return next == long.MaxValue ? -1 : (int)Math.Max(0, next - Environment.TickCount64);
    }
}
