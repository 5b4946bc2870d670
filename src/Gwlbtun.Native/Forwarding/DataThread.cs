using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// A named, optionally pinned thread that waits in epoll and works through what is ready, one turn after another. It
/// allocates nothing after start. When it throws, it ends and says so; its owner starts another in its place.
/// </summary>
/// <remarks>
/// Data threads may ride on another: then all take their turns in the kernel thread of the carrier, which saves waking a second one for
/// each packet. Each still starts, stops and fails for itself. A rider's own kernel thread sleeps, and takes over when the carrier ends.
/// </remarks>
public abstract class DataThread : IDisposable
{
    private protected const ulong WakeToken = ulong.MaxValue;
    // With the rider's seat in the lower half.
    private const ulong RiderTokens = (ulong)uint.MaxValue << 32;

    private const int EventsPerTurn = 128;
    private const int StackBytes = 512 << 10;

    // A carrier that is never idle has more in hand than this is worth: then a few packets may overtake others.
    private static readonly TimeSpan _longestWaitForIdle = TimeSpan.FromMilliseconds(100);

    private readonly Precedence _precedence;
    private readonly long _spinTicks;
    private readonly Quiescence _quiescence;
    private readonly IDataPlaneObserver _observer;
    private readonly EventFd _wake = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private readonly Lock _riding = new();
    private readonly SemaphoreSlim _leftCarrier = new(0);
    private Quiescence.Turn? _turn;
    private DataThread? _carrier;
    private volatile bool _hasEnded;
    private Exception? _cause;

    // In whose kernel thread it takes the present turn. Unlike the carrier, no other thread changes it meanwhile.
    private DataThread? _host;
    private bool _startsAsRider;

    // Whoever waits for it to leave its own kernel thread, to ride from then on.
    private TaskCompletionSource? _aside;
    private int _seat;
    private volatile DataThread?[] _riders = [];
    private readonly int[] _readySeats = new int[EventsPerTurn];
    private int _readyCount;
    private TaskCompletionSource? _idle;
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

    /// <summary>In whose kernel thread it takes its turns: null when in its own.</summary>
    public DataThread? Carrier => Volatile.Read(ref _carrier);

    /// <summary>Bytes that it has allocated on the managed heap since it started, as of its last turn. Stands still once traffic flows.</summary>
    public long AllocatedBytes => Carrier is { } carrier ? carrier.AllocatedBytes : Volatile.Read(ref _allocatedBytes);

    /// <summary>Completes when the thread has ended, however it ended.</summary>
    public Task Completion => _completion.Task;

    internal Epoll Epoll { get; }

    /// <summary>What the thread has handled in all.</summary>
    public abstract CounterSnapshot Counters { get; }

    /// <summary>Starts the thread. Once.</summary>
    public void Start()
    {
        _isAlive = true;
        _turn = _quiescence.Register();
        _thread.Start();
    }

    /// <summary>Starts it to ride on another; by itself, if that one has ended. Once.</summary>
    public void StartOn(DataThread carrier)
    {
        _startsAsRider = true;
        Start();
        BoardOrGoAlone(carrier);
    }

    /// <summary>
    /// Has it ride on another carrier. Packets keep their order: what the former carrier has in hand goes first, for which the rider waits. Its owner
    /// alone calls, and awaits the end before it calls again.
    /// </summary>
    /// <returns>False when it goes on by itself, or has ended.</returns>
    public async Task<bool> MoveAsync(DataThread carrier)
    {
        if (Interlocked.Exchange(ref _carrier, null) is not { } former)
            return false;
        former.Unseat(this);
        // The turn that it is in, or that the former carrier is about to give it; then all that this turn and earlier ones have brought about.
        await former.WhenRoundAsync().ConfigureAwait(false);
        await former.WhenIdleForAWhileAsync().ConfigureAwait(false);
        if (!_hasEnded)
            return BoardOrGoAlone(carrier);
        _leftCarrier.Release();
        return false;
    }

    /// <summary>
    /// Has one that takes its turns in its own kernel thread, because its carrier ended, ride again. Its owner alone calls, and awaits the end
    /// before it calls again.
    /// </summary>
    /// <param name="carrier">On which it is to ride.</param>
    /// <param name="reader">The thread that reads what it has written by itself, and that goes first with what it has in hand.</param>
    /// <returns>False when it goes on by itself, or has ended.</returns>
    public async Task<bool> BoardAsync(DataThread carrier, DataThread reader)
    {
        var aside = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _aside, aside);
        if (_isAlive)
            _wake.Signal();
        if (await Task.WhenAny(aside.Task, Completion).ConfigureAwait(false) == Completion)
            return false;
        await reader.WhenIdleForAWhileAsync().ConfigureAwait(false);
        return BoardOrGoAlone(carrier);
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

    /// <summary>Whether packets arrive faster than the thread takes them.</summary>
    private protected virtual bool IsBehind => false;

    /// <summary>Whether the present turn is one that a rider lets its carrier take after it has written packets.</summary>
    private protected bool IsTurnAfterWrite { get; private set; }

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
            _precedence.Start();
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

        lock (_riding)
            _isAlive = false;
        foreach (var rider in _riders)
            rider?.Leave();
        Interlocked.Exchange(ref _idle, null)?.TrySetResult();
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
            for (var i = 0; i < _readyCount; i++)
                _riders[_readySeats[i]]?.Ride(this);
            _readyCount = 0;
            if (_precedence.TryEndWindow(out var areFew))
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
        foreach (var rider in _riders)
        {
            if (rider is { IsBehind: true })
                return true;
        }

        return IsBehind;
    }

    // Out of its own kernel thread until it has no carrier any more; false when it has come to its end meanwhile.
    private bool TryStepAside()
    {
        Interlocked.Exchange(ref _aside, null)?.TrySetResult();
        _leftCarrier.Wait();
        return !_hasEnded;
    }

    /// <summary>The number of the thread that takes the present turn.</summary>
    private protected int TurnIndex => (_host ?? this).Index;

    /// <summary>Whether the present turn is taken in the kernel thread of another.</summary>
    private protected bool IsRiding => _host is not null;

    /// <summary>
    /// For a rider, after it has written packets: lets its carrier take turns meanwhile, as many as so many packets need, or fewer when nothing is ready. Else they
    /// would wait for as long as the rider goes on, in a queue that does not hold as many.
    /// </summary>
    /// <param name="packets">How many were written; a super-packet is one.</param>
    /// <param name="expected">Those of them that are likely back already.</param>
    /// <param name="budget">How many make a turn.</param>
    private protected void LetCarrierTurn(int packets, ReadOnlySpan<ExpectedReturn> expected, int budget)
    {
        if (_host is not { } carrier)
            return;
        var readySeats = carrier._readyCount;
        carrier.IsTurnAfterWrite = true;
        try
        {
            if (!expected.IsEmpty)
                packets -= carrier.TakeTurnUnasked(expected);
            // What is left lies in other queues, if any: of another endpoint, or spread by whatever is between the devices.
            for (; packets > 0 && carrier.TakeTurn(0) > 0; packets -= budget)
            {
            }
        }
        catch (Exception e)
        {
            // Its own defect: it throws in its own next turn.
            carrier._failure ??= e;
            carrier._wake.Signal();
        }

        carrier.IsTurnAfterWrite = false;
        // Riders that are ready now will still be then.
        carrier._readyCount = readySeats;
    }

    // A turn of one that rides on another, in whose kernel thread this is called.
    private void Ride(DataThread carrier)
    {
        _host = carrier;
        try
        {
            // Wake-ups are found when no packets are.
            if (!_isStopping && TakeTurnUnasked([]) == 0)
                TakeTurn(0);
            // Looked at again: the turn may have taken in the very signal to stop.
            if (!_isStopping)
                return;
            Finish();
        }
        catch (Exception e)
        {
            _cause = e;
        }
        finally
        {
            _host = null;
        }

        _hasEnded = true;
        _turn!.End();
        Leave();
    }

    // False: it goes on in its own kernel thread.
    private bool BoardOrGoAlone(DataThread carrier)
    {
        if (carrier.TrySeat(this))
        {
            // The carrier may end meanwhile: then this fails, or is of no effect.
            if (!carrier.Epoll.Add(Epoll.Handle, RiderTokens | (uint)_seat).IsError)
                return true;
            Leave();
            return false;
        }

        _leftCarrier.Release();
        return false;
    }

    private bool TrySeat(DataThread rider)
    {
        lock (_riding)
        {
            if (!_isAlive)
                return false;
            rider._seat = Array.IndexOf(_riders, null);
            if (rider._seat < 0)
            {
                rider._seat = _riders.Length;
                _riders = [.. _riders, null];
            }

            _riders[rider._seat] = rider;
            Volatile.Write(ref rider._carrier, this);
            return true;
        }
    }

    private void Unseat(DataThread rider)
    {
        Epoll.Remove(rider.Epoll.Handle);
        lock (_riding)
            _riders[rider._seat] = null;
    }

    // Its own kernel thread goes on, or sees it to its end. Once: whoever else comes to this finds it done.
    private void Leave()
    {
        if (Interlocked.Exchange(ref _carrier, null) is not { } carrier)
            return;
        carrier.Unseat(this);
        _leftCarrier.Release();
    }

    // Completes once it has begun a round of turns after this was called, or has ended.
    private async Task WhenRoundAsync()
    {
        var before = Volatile.Read(ref _rounds);
        while (_isAlive && Volatile.Read(ref _rounds) == before)
        {
            _wake.Signal();
            await Task.Delay(1).ConfigureAwait(false);
        }
    }

    private async Task WhenIdleForAWhileAsync() => await Task.WhenAny(WhenIdleAsync(), Task.Delay(_longestWaitForIdle)).ConfigureAwait(false);

    // Completes once there is nothing ready for it any more, or it has ended.
    private Task WhenIdleAsync()
    {
        var idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Riders are moved one after the other: if another waited, it waits no longer.
        Interlocked.Exchange(ref _idle, idle)?.TrySetResult();
        if (_isAlive)
            _wake.Signal();
        else
            idle.TrySetResult();
        return idle.Task;
    }

    // Nested turns may tell of one that is noted already.
    private void NoteReady(int seat)
    {
        if (_readyCount < _readySeats.Length)
            _readySeats[_readyCount++] = seat;
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
            Interlocked.Exchange(ref _idle, null)?.TrySetResult();
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
            NoteReady((int)(uint)token);
        else
            return false;
        return true;
    }
}
