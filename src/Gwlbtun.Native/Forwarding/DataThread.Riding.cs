using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Forwarding;

/// <remarks>
/// Data threads may ride on another: then all take their turns in the kernel thread of the carrier, which saves waking a second one for
/// each packet. Each still starts, stops and fails for itself. A rider's own kernel thread sleeps, and takes over when the carrier ends.
/// </remarks>
public abstract partial class DataThread
{
    // With the rider's seat in the lower half.
    private const ulong RiderTokens = (ulong)uint.MaxValue << 32;

    private readonly RiderSeats _seats = new(EventsPerTurn);
    private readonly SemaphoreSlim _leftCarrier = new(0);
    private DataThread? _carrier;
    private bool _startsAsRider;

    // In whose kernel thread it takes the present turn. Unlike the carrier, no other thread changes it meanwhile.
    private DataThread? _host;

    // Whoever waits for it to leave its own kernel thread, to ride from then on.
    private TaskCompletionSource? _aside;

    // Whoever waits for it to have nothing to do.
    private TaskCompletionSource? _idle;

    /// <summary>In whose kernel thread it takes its turns: null when in its own.</summary>
    public DataThread? Carrier => Volatile.Read(ref _carrier);

    /// <summary>
    /// How long it waits, before it boards, for the thread that goes first to have nothing in hand. One that is never idle has more of it than this is
    /// worth: then a few packets may overtake others.
    /// </summary>
    internal TimeSpan LongestWaitForIdle { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Its number on its carrier.</summary>
    internal int Seat { get; set; }

    /// <summary>Whether the present turn is taken in the kernel thread of another.</summary>
    private protected bool IsRiding => _host is not null;

    /// <summary>The number of the thread that takes the present turn.</summary>
    private protected int TurnIndex => (_host ?? this).Index;

    /// <summary>Whether the present turn is one that a rider lets its carrier take after it has written packets.</summary>
    private protected bool IsTurnAfterWrite { get; private set; }

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
        await WhenIdleOrLongEnoughAsync(former).ConfigureAwait(false);
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
        await WhenIdleOrLongEnoughAsync(reader).ConfigureAwait(false);
        return BoardOrGoAlone(carrier);
    }

    /// <summary>
    /// For a rider, after it has written packets: lets its carrier take turns meanwhile, as many as so many packets need, or fewer when nothing is ready. Else they
    /// would wait for as long as the rider goes on, in a queue that does not hold as many.
    /// </summary>
    /// <param name="packets">How many were written. What goes in as a super-packet may come back as so many.</param>
    /// <param name="expected">Those of them that are likely back already.</param>
    /// <param name="budget">How many make a turn.</param>
    private protected void LetCarrierTurn(int packets, ReadOnlySpan<ExpectedReturn> expected, int budget)
    {
        if (_host is not { } carrier)
            return;
        var ready = carrier._seats.ReadyCount;
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
        carrier._seats.ForgetReadyAfter(ready);
    }

    private void GiveRidersTurns()
    {
        for (var i = 0; i < _seats.ReadyCount; i++)
            _seats.Ready(i)?.Ride(this);
        _seats.ForgetReadyAfter(0);
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

    // Out of its own kernel thread until it has no carrier any more; false when it has come to its end meanwhile.
    private bool TryStepAside()
    {
        Interlocked.Exchange(ref _aside, null)?.TrySetResult();
        _leftCarrier.Wait();
        return !_hasEnded;
    }

    // False: it goes on in its own kernel thread.
    private bool BoardOrGoAlone(DataThread carrier)
    {
        // Before it has the seat: the carrier may end right after, and sends all away that sit there.
        Volatile.Write(ref _carrier, carrier);
        if (carrier._seats.TrySeat(this))
        {
            // The carrier may end meanwhile: then this fails, or is of no effect.
            if (!carrier.Epoll.Add(Epoll.Handle, RiderTokens | (uint)Seat).IsError)
                return true;
            Leave();
            return false;
        }

        Volatile.Write(ref _carrier, null);
        _leftCarrier.Release();
        return false;
    }

    private void Unseat(DataThread rider)
    {
        Epoll.Remove(rider.Epoll.Handle);
        _seats.Unseat(rider);
    }

    // Its own kernel thread goes on, or sees it to its end. Once: whoever else comes to this finds it done.
    private void Leave()
    {
        if (Interlocked.Exchange(ref _carrier, null) is not { } carrier)
            return;
        carrier.Unseat(this);
        _leftCarrier.Release();
    }

    // It has come to its end.
    private void LetRidersGo()
    {
        _seats.Close();
        foreach (var rider in _seats.Riders)
            rider?.Leave();
        NoteIdle();
    }

    private void NoteIdle() => Interlocked.Exchange(ref _idle, null)?.TrySetResult();

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

    private async Task WhenIdleOrLongEnoughAsync(DataThread other) => await Task.WhenAny(other.WhenIdleAsync(), Task.Delay(LongestWaitForIdle)).ConfigureAwait(false);

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
}
