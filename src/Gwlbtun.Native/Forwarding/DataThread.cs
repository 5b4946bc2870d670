using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// A named, optionally pinned thread that waits in epoll and works through what is ready, one turn after another. It
/// allocates nothing after start. When it throws, it ends and says so; its owner starts another in its place.
/// </summary>
public abstract class DataThread : IDisposable
{
    private protected const ulong WakeToken = ulong.MaxValue;

    private const int EventsPerTurn = 128;
    private const int StackBytes = 512 << 10;

    private readonly Quiescence _quiescence;
    private readonly IDataPlaneObserver _observer;
    private readonly EventFd _wake = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private volatile bool _isStopping;
    private volatile bool _isAlive;
    private volatile Exception? _failure;
    private volatile int _threadId;
    private long _allocatedBytes;

    private protected DataThread(char kind, int index, int? core, Quiescence quiescence, IDataPlaneObserver observer)
    {
        Index = index;
        Core = core;
        _quiescence = quiescence;
        _observer = observer;
        // At most 15 bytes: comm's limit.
        Name = core is { } pinned ? $"gwlbtun {kind}A{pinned:D3}" : $"gwlbtun {kind}{index:D3}";
        _thread = new(Body, StackBytes) { Name = Name, IsBackground = true };
        Epoll = new(EventsPerTurn);
        Epoll.Add(_wake.Handle, WakeToken).OrThrow("watch an eventfd");
    }

    /// <summary>The thread's number among its kind, from 0.</summary>
    public int Index { get; }

    /// <summary>The core that it is pinned to, or null.</summary>
    public int? Core { get; }

    /// <summary>Its name, as in <c>/proc/PID/task/TID/comm</c>.</summary>
    public string Name { get; }

    /// <summary>The kernel's thread ID; 0 before it runs.</summary>
    public int ThreadId => _threadId;

    /// <summary>Whether it runs.</summary>
    public bool IsAlive => _isAlive;

    /// <summary>Bytes that it has allocated on the managed heap since it started, as of its last turn. Stands still once traffic flows.</summary>
    public long AllocatedBytes => Volatile.Read(ref _allocatedBytes);

    /// <summary>Completes when the thread has ended, however it ended.</summary>
    public Task Completion => _completion.Task;

    internal Epoll Epoll { get; }

    /// <summary>What the thread has handled in all.</summary>
    public abstract CounterSnapshot Counters { get; }

    /// <summary>Starts the thread. Once.</summary>
    public void Start()
    {
        _isAlive = true;
        _thread.Start();
    }

    /// <summary>Asks the thread to finish what is in flight and end; <see cref="Completion"/> says when it has.</summary>
    public void RequestStop()
    {
        _isStopping = true;
        _wake.Signal();
    }

    /// <summary>Makes the thread throw in its next turn, as a defect in it would. For tests of whoever supervises it.</summary>
    internal void Fail(Exception cause)
    {
        _failure = cause;
        _wake.Signal();
    }

    /// <summary>Works through what one wait brought.</summary>
    /// <param name="ready">How many events of <see cref="Epoll"/> are to be looked at.</param>
    private protected abstract void Turn(int ready);

    /// <summary>Finishes what is in flight, once, after the last turn.</summary>
    private protected virtual void Flush()
    {
    }

    /// <summary>Frees what the thread owned. It must have ended.</summary>
    public void Dispose()
    {
        Epoll.Dispose();
        _wake.Dispose();
        DisposeOwned();
        GC.SuppressFinalize(this);
    }

    /// <summary>Counts the packets that the thread had in hand when it died.</summary>
    private protected abstract void CountAbandoned();

    private protected abstract void DisposeOwned();

    private void Body()
    {
        Exception? cause = null;
        var turn = _quiescence.Register();
        try
        {
            if (Core is { } core)
                CpuAffinity.PinCurrentThread(core);
            _threadId = CpuAffinity.CurrentThreadId();
            while (!_isStopping)
            {
                var ready = Epoll.Wait(-1).OrThrow("wait for packets");
                if (_failure is { } failure)
                    throw failure;
                turn.Enter();
                Turn(ready);
                turn.Leave();
                Volatile.Write(ref _allocatedBytes, GC.GetAllocatedBytesForCurrentThread());
            }

            turn.Enter();
            Flush();
            turn.Leave();
        }
        catch (Exception e)
        {
            // Whatever it was: the owner decides, the process lives on.
            cause = e;
            CountAbandoned();
        }

        _quiescence.Unregister(turn);
        turn.End();
        _isAlive = false;
        _completion.SetResult();
        if (cause is not null)
            _observer.OnThreadDied(this, cause);
    }

    /// <summary>Whether event <paramref name="index"/> is only a wake-up; takes it.</summary>
    private protected bool TakeWake(int index)
    {
        if (Epoll.Token(index) != WakeToken)
            return false;
        _wake.Drain();
        return true;
    }
}
