namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// The data threads that ride on one, each in a seat whose number the carrier's epoll tells, and which of them have something to do. Any thread may seat and unseat; what is ready
/// concerns the carrier alone.
/// </summary>
/// <param name="mostReady">Of how many that are ready it keeps note.</param>
internal sealed class RiderSeats(int mostReady)
{
    private readonly Lock _changing = new();
    private readonly int[] _ready = new int[mostReady];
    private volatile DataThread?[] _riders = [];
    private bool _isOpen;

    /// <summary>The riders by seat; null: the seat is free.</summary>
    public ReadOnlySpan<DataThread?> Riders => _riders;

    /// <summary>How many have something to do.</summary>
    public int ReadyCount { get; private set; }

    /// <summary>The carrier runs: whoever wants may have a seat.</summary>
    public void Open()
    {
        lock (_changing)
            _isOpen = true;
    }

    /// <summary>The carrier ends: nobody gets a seat any more.</summary>
    public void Close()
    {
        lock (_changing)
            _isOpen = false;
    }

    /// <summary>Gives it a seat, unless the carrier does not run.</summary>
    public bool TrySeat(DataThread rider)
    {
        lock (_changing)
        {
            if (!_isOpen)
                return false;
            var seat = Array.IndexOf(_riders, null);
            if (seat < 0)
            {
                seat = _riders.Length;
                _riders = [.. _riders, null];
            }

            rider.Seat = seat;
            _riders[seat] = rider;
            return true;
        }
    }

    /// <summary>Frees its seat.</summary>
    public void Unseat(DataThread rider)
    {
        lock (_changing)
            _riders[rider.Seat] = null;
    }

    /// <summary>Notes that whoever has this seat has something to do. Turns within turns may tell of one that is noted already.</summary>
    public void NoteReady(int seat)
    {
        if (ReadyCount < _ready.Length)
            _ready[ReadyCount++] = seat;
    }

    /// <summary>One of those that have something to do; null: it has left meanwhile.</summary>
    public DataThread? Ready(int index) => _riders[_ready[index]];

    /// <summary>Forgets those that were noted after the first so many: if they are ready now, they will still be when they are looked for again.</summary>
    public void ForgetReadyAfter(int count) => ReadyCount = count;
}
