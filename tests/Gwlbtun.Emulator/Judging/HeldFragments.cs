using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Judging;

/// <summary>A returned datagram that cannot be judged yet, copied.</summary>
internal sealed unsafe class HeldDatagram(in ReceivedDatagram datagram, long heldSinceMs)
{
    private readonly byte[] _payload = new ReadOnlySpan<byte>(datagram.Payload, datagram.Length).ToArray();
    private readonly uint _source = datagram.SourceAddress;
    private readonly uint _destination = datagram.DestinationAddress;
    private readonly ushort _sourcePort = datagram.SourcePort;

    public delegate void Judge(in ReceivedDatagram datagram);

    public long HeldSinceMs => heldSinceMs;

    /// <summary>Hands it over once more.</summary>
    public void Pass(Judge judge)
    {
        fixed (byte* payload = _payload)
        {
            ReceivedDatagram datagram = new()
            {
                Payload = payload,
                Length = _payload.Length,
                SourceAddress = _source,
                SourcePort = _sourcePort,
                DestinationAddress = _destination,
            };
            judge(datagram);
        }
    }
}

/// <summary>
/// Later fragments that came back before what tells which datagram they are of. They wait for it, bounded in time and number, as the
/// real world's receivers do. One thread uses it.
/// </summary>
/// <typeparam name="TKey">What fragments of one datagram share.</typeparam>
/// <param name="patience">How long they wait.</param>
internal sealed class HeldFragments<TKey>(TimeSpan patience)
    where TKey : notnull
{
    private const int MaximumHeld = 4_096;
    private readonly long _patienceMs = (long)patience.TotalMilliseconds;

    private readonly Dictionary<TKey, List<HeldDatagram>> _held = [];

    public int Count { get; private set; }

    /// <returns>False when there is no room: it is to be judged as it is.</returns>
    public bool TryHold(in TKey key, in ReceivedDatagram datagram, long nowMs)
    {
        if (Count == MaximumHeld)
            return false;
        if (!_held.TryGetValue(key, out List<HeldDatagram>? waiting))
            _held[key] = waiting = [];
        waiting.Add(new HeldDatagram(datagram, nowMs));
        Count++;
        return true;
    }

    /// <summary>Takes out those that waited for this.</summary>
    public IReadOnlyList<HeldDatagram> Release(in TKey key)
    {
        if (Count == 0 || !_held.Remove(key, out List<HeldDatagram>? waiting))
            return [];
        Count -= waiting.Count;
        return waiting;
    }

    /// <summary>Gives up those that have waited too long, or all of them.</summary>
    /// <returns>How many.</returns>
    public int GiveUp(long nowMs, bool all = false)
    {
        int before = Count;
        // Removing while enumerating is allowed.
        foreach ((TKey key, List<HeldDatagram> waiting) in _held)
        {
            if (!all && nowMs - waiting[0].HeldSinceMs <= _patienceMs)
                continue;
            Count -= waiting.Count;
            _held.Remove(key);
        }

        return before - Count;
    }
}
