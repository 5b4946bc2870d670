using Gwlbtun.Native.Linux;

namespace Gwlbtun.Native.Uplink;

/// <summary>
/// A load balancer node as seen from one of our addresses, and where packets to it leave.
/// </summary>
/// <remarks>
/// The control thread writes <see cref="Hop"/>, data threads read it: one reference to an object that never changes. For <see cref="_watch"/>,
/// the control thread sets a watch and the first data thread that then looks the destination up takes it off again: so a packet
/// writes nothing here but for the first one after a watch was set, and the control thread learns of use without a clock.
/// All else is the control thread's own.
/// </remarks>
internal sealed class Destination(uint address, uint source)
{
    private const int NotWatched = 0;
    private const int WatchedForEviction = 1;
    private const int WatchedForUse = 2;

    private NextHop? _hop;
    private int _watch;
    private bool _awaitsUse;

    public uint Address { get; } = address;

    public uint Source { get; } = source;

    public ulong Key { get; } = KeyOf(address, source);

    /// <summary>Null while packets are to go through the raw socket.</summary>
    public NextHop? Hop => Volatile.Read(ref _hop);

    /// <summary>Whether the control thread wants to know that the destination is in use.</summary>
    public bool IsWatched => Volatile.Read(ref _watch) != NotWatched;

    /// <summary>What the kernel said when it was last asked.</summary>
    public Resolution Resolution { get; private set; } = Resolution.None;

    /// <summary>Whether the kernel is to be asked again.</summary>
    public bool IsOutdated { get; set; } = true;

    /// <summary>When to ask for use, in milliseconds; <see cref="long.MaxValue"/> for never.</summary>
    public long WatchAtMs { get; private set; } = long.MaxValue;

    /// <summary>When the kernel was last told that the neighbour is in use.</summary>
    public long ConfirmedAtMs { get; private set; } = long.MinValue / 2;

    private bool IsStale => Hop is not null && Resolution.NeighbourState == NeighbourMessage.Stale;

    public static ulong KeyOf(uint address, uint source) => (ulong)address << 32 | source;

    /// <summary>A data thread's: takes the watch off. True for the one thread that is to wake the control thread.</summary>
    public bool Notice() => Interlocked.Exchange(ref _watch, NotWatched) == WatchedForUse;

    /// <summary>Has data threads use the raw socket until the kernel was asked again.</summary>
    public void Withdraw()
    {
        Volatile.Write(ref _hop, null);
        IsOutdated = true;
    }

    /// <summary>Takes what the kernel answered.</summary>
    public void Publish(Resolution resolution, long nowMs)
    {
        Resolution = resolution;
        IsOutdated = false;
        Volatile.Write(ref _hop, resolution.Hop);
        WatchWhenDue(nowMs);
    }

    /// <summary>Takes another state of the same neighbour, which has kept its address.</summary>
    public void Follow(ushort neighbourState, long nowMs)
    {
        Resolution = Resolution with { NeighbourState = neighbourState };
        WatchWhenDue(nowMs);
    }

    /// <summary>Notes that the kernel was told of use, or refused to be.</summary>
    public void NoteConfirmation(bool isRefused, long nowMs)
    {
        ConfirmedAtMs = nowMs;
        // The raw socket's packets make sure of the neighbour as well.
        if (isRefused)
            Volatile.Write(ref _hop, null);
        WatchWhenDue(nowMs);
    }

    /// <summary>Sets the watch that is due.</summary>
    public void Tick(long nowMs)
    {
        if (nowMs < WatchAtMs)
            return;
        WatchAtMs = long.MaxValue;
        _awaitsUse = true;
        Volatile.Write(ref _watch, WatchedForUse);
    }

    /// <summary>Whether data threads have used the destination since <see cref="Tick"/> began to watch. Says so once.</summary>
    public bool TakeUse()
    {
        if (!_awaitsUse || IsWatched)
            return false;
        _awaitsUse = false;
        return true;
    }

    /// <summary>Whether no data thread has used the destination since the last call (or since a watch was set).</summary>
    public bool IsIdleSinceLastLook() =>
        Interlocked.CompareExchange(ref _watch, WatchedForEviction, NotWatched) != NotWatched;

    // Use matters for a neighbour that is to be made sure of, and for a destination without a hop, which is to be looked at again.
    private void WatchWhenDue(long nowMs)
    {
        _awaitsUse = false;
        if (Hop is null)
            WatchAtMs = nowMs + NextHops.RetryMs;
        else if (IsStale)
            WatchAtMs = Math.Max(nowMs, ConfirmedAtMs + NextHops.ConfirmMs);
        else
            WatchAtMs = long.MaxValue;
        Tick(nowMs);
    }
}
