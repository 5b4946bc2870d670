using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// A named, optionally pinned thread that waits in epoll and works through what is ready, one turn after another. It
/// allocates nothing after start. When it throws, it ends and says so; its owner starts another in its place.
/// </summary>
public abstract partial class DataThread : IDisposable
{
    private protected const ulong WakeToken = ulong.MaxValue;

    private const int EventsPerTurn = 128;
    private const int StackBytes = 512 << 10;

    private readonly Precedence _precedence;
    private readonly long _spinTicks;
    private readonly Quiescence _quiescence;
    private readonly IDataPlaneObserver _observer;
    private readonly EventFd _wake = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private Quiescence.Turn? _turn;
    private volatile bool _hasEnded;
    private Exception? _cause;
    private long _rounds;
    private volatile bool _isStopping;
    private volatile bool _isAlive;
    private volatile Exception? _failure;
    private volatile int _threadId;
    private long _allocatedBytes;

    private protected DataThread(char kind, int index, int? core, DataPlaneOptions options, Quiescence quiescence, IDataPlaneObserver observer)
    {
        _precedence = new(options.Nice);
        _spinTicks = options.SpinMicroseconds * TimeProvider.System.TimestampFrequency / 1_000_000;
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
    public long AllocatedBytes => Carrier is { } carrier ? carrier.AllocatedBytes : Volatile.Read(ref _allocatedBytes);

    /// <summary>Completes when the thread has ended, however it ended.</summary>
    public Task Completion => _completion.Task;

    /// <summary>
    /// Among how many threads the load is divided that this one has a part of: what is few packets for all of them (<see cref="DataPlaneOptions.Nice"/>) is less for each.
    /// Its owner sets it.
    /// </summary>
    public int Sharers
    {
        get => _precedence.Sharers;
        set => _precedence.Sharers = value;
    }

    internal Epoll Epoll { get; }

    /// <summary>What the thread has handled in all.</summary>
    public abstract CounterSnapshot Counters { get; }

    /// <summary>Starts the thread. Once.</summary>
    public void Start()
    {
        _isAlive = true;
        _seats.Open();
        _turn = _quiescence.Register();
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

    /// <summary>Works through what is most likely ready, to save asking for it.</summary>
    /// <param name="expected">Packets that are likely, where the thread does not know by itself.</param>
    /// <returns>How many there were. Of more, events tell.</returns>
    private protected abstract int TurnUnasked(ReadOnlySpan<ExpectedReturn> expected);

    /// <summary>Tells of packets that were received, or read from a device, in the present turn.</summary>
    private protected void NoteTaken(int packets) => (_host ?? this)._precedence.Note(packets);

    /// <summary>Whether packets arrive faster than the thread takes them. Any thread may ask while the thread's owner keeps what it works on.</summary>
    public virtual bool IsBehind => false;

    /// <summary>Finishes what is in flight, once, after the last turn.</summary>
    private protected virtual void Flush()
    {
    }

    /// <summary>Frees what the thread owned. It must have ended.</summary>
    public void Dispose()
    {
        Epoll.Dispose();
        _wake.Dispose();
        _leftCarrier.Dispose();
        DisposeOwned();
        GC.SuppressFinalize(this);
    }

    /// <summary>Counts the packets that the thread had in hand when it died.</summary>
    private protected abstract void CountAbandoned();

    private protected abstract void DisposeOwned();

    private void Body()
    {
        try
        {
            if (Core is { } core)
                CpuAffinity.PinCurrentThread(core);
            _precedence.Start(Environment.TickCount64);
            _threadId = CpuAffinity.CurrentThreadId();
            if (_startsAsRider)
                _leftCarrier.Wait();
            if (!_hasEnded)
                Work();
        }
        catch (Exception e)
        {
            // Whatever it was: the owner decides, the process lives on.
            _cause = e;
        }

        _isAlive = false;
        LetRidersGo();
        if (_cause is not null)
            CountAbandoned();
        _quiescence.Unregister(_turn!);
        _turn!.End();
        _completion.SetResult();
        if (_cause is not null)
            _observer.OnThreadDied(this, _cause);
    }

    private void Work()
    {
        while (!_isStopping)
        {
            Volatile.Write(ref _rounds, _rounds + 1);
            TakeTurn(-1);
            GiveRidersTurns();
            if (_precedence.TryEndWindow(Environment.TickCount64, out var areFew))
                _precedence.Adapt(areFew || IsAnyBehind());
            Volatile.Write(ref _allocatedBytes, GC.GetAllocatedBytesForCurrentThread());
            // One that is to stop has no turn left that would notice it on a carrier.
            if (_aside is not null && !_isStopping && !TryStepAside())
                return;
        }

        Finish();
    }

    private bool IsAnyBehind()
    {
        foreach (var rider in _seats.Riders)
        {
            if (rider is { IsBehind: true })
                return true;
        }

        return IsBehind;
    }

    // Answers how many events there are.
    private int Spin()
    {
        var end = TimeProvider.System.GetTimestamp() + _spinTicks;
        int ready;
        do
            ready = Epoll.Wait(0).OrThrow("look for packets");
        while (ready == 0 && TimeProvider.System.GetTimestamp() < end);
        return ready;
    }

    // Answers how many events there were.
    private int TakeTurn(int timeoutMs)
    {
        if (_idle is not null && timeoutMs != 0 && Epoll.Wait(0).OrThrow("look for packets") == 0)
            NoteIdle();
        var ready = _spinTicks != 0 && timeoutMs != 0 ? Spin() : 0;
        if (ready == 0)
            ready = Epoll.Wait(timeoutMs).OrThrow("wait for packets");
        if (_failure is { } failure)
            throw failure;
        _turn!.Enter();
        Turn(ready);
        _turn.Leave();
        return ready;
    }

    private int TakeTurnUnasked(ReadOnlySpan<ExpectedReturn> expected)
    {
        if (_failure is { } failure)
            throw failure;
        _turn!.Enter();
        var taken = TurnUnasked(expected);
        _turn.Leave();
        return taken;
    }

    private void Finish()
    {
        _turn!.Enter();
        Flush();
        _turn.Leave();
    }

    /// <summary>Whether event <paramref name="index"/> is not the subclass's: a wake-up, or a rider's; takes it.</summary>
    private protected bool TakeWake(int index)
    {
        var token = Epoll.Token(index);
        if (token == WakeToken)
            _wake.Drain();
        else if (token >= RiderTokens)
            _seats.NoteReady((int)(uint)token);
        else
            return false;
        return true;
    }
}
