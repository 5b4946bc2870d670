using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Matching;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Fragments without ports that came back before the first one of their packet, from which alone they can learn their flow: they
/// wait here for it, for a moment. One for all endpoints and threads; the fragments of a packet may be read by different ones.
/// </summary>
/// <remarks>
/// Whoever reads a first fragment makes its flow known in <see cref="FlowMatcher.Fragments"/>, then looks here; whoever wants to wait looks there
/// again once it holds the lock. So none stays behind. Memory is mapped once, and resident only where something has waited.
/// </remarks>
internal sealed unsafe class WaitingFragments
{
    /// <summary>Fragments of all endpoints.</summary>
    public const int Capacity = 512;

    /// <summary>Fragments of one endpoint: one that gets none but orphans leaves room for the others.</summary>
    public const int CapacityPerEni = 128;

    private const int PageBytes = 4096;

    private readonly Lock _lock = new();
    private readonly Waiting[] _waiting = new Waiting[Capacity];
    private readonly byte* _slots;
    private readonly int _slotBytes;
    private readonly long _waitMs;
    private int _count;
    private ulong _arrivals;

    /// <summary>Maps the room.</summary>
    /// <param name="wait">How long a fragment may wait; zero: not at all.</param>
    /// <param name="packetBytes">The largest packet that a tunnel device lets through.</param>
    public WaitingFragments(TimeSpan wait, int packetBytes)
    {
        _waitMs = (long)wait.TotalMilliseconds;
        _slotBytes = (packetBytes + PageBytes - 1) / PageBytes * PageBytes;
        _slots = Pages.Map((nuint)Capacity * (nuint)_slotBytes);
    }

    // Every gate refers to it: nobody is left who could use it.
    ~WaitingFragments()
    {
        if (_slots != null)
            Pages.Unmap(_slots, (nuint)Capacity * (nuint)_slotBytes);
    }

    /// <summary>How many wait now.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Lets a fragment wait, or answers the header that has become known meanwhile.</summary>
    /// <param name="gate">The fragment's endpoint.</param>
    /// <param name="packet">The fragment, whole.</param>
    /// <param name="key">The key of its packet.</param>
    /// <param name="headerOut">Receives the header, when it is known after all.</param>
    /// <param name="path">The way back then.</param>
    /// <param name="nowMs">Milliseconds of <see cref="Environment.TickCount64"/>.</param>
    /// <returns>The header's length, 0 when the fragment waits, or -1 when it cannot: it is the caller's to drop.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public int FindOrWait(EniGate gate, ReadOnlySpan<byte> packet, in FlowKey key, Span<byte> headerOut, out OuterPath path, long nowMs)
    {
        lock (_lock)
        {
            var length = gate.Matcher!.FindFragment(key, headerOut, out path, nowMs);
            if (length != 0)
                return length;
            if (_waitMs == 0 || packet.Length > _slotBytes)
                return -1;

            var place = MakePlace(gate, nowMs);
            packet.CopyTo(new Span<byte>(Slot(place), _slotBytes));
            _waiting[place] = new() { Gate = gate, Key = key, Length = packet.Length, SinceMs = nowMs, Arrival = ++_arrivals };
            Volatile.Write(ref _count, _count + 1);
            return 0;
        }
    }

    /// <summary>Takes the fragment of a packet that has waited longest.</summary>
    /// <returns>Its length, or 0 when there is none.</returns>
    public int Take(EniGate gate, in FlowKey key, Span<byte> packetOut, long nowMs)
    {
        // One that arrives just now will find what the caller has made known.
        if (Count == 0)
            return 0;
        lock (_lock)
        {
            ForgetOld(nowMs);
            var oldest = -1;
            for (var i = 0; i < Capacity; i++)
            {
                ref readonly var each = ref _waiting[i];
                if (each.Gate == gate && (oldest < 0 || each.Arrival < _waiting[oldest].Arrival) && each.Key == key)
                    oldest = i;
            }

            if (oldest < 0)
                return 0;
            var length = _waiting[oldest].Length;
            new ReadOnlySpan<byte>(Slot(oldest), length).CopyTo(packetOut);
            Free(oldest);
            return length;
        }
    }

    /// <summary>Drops what has waited for too long.</summary>
    public void Expire(long nowMs)
    {
        if (Count == 0)
            return;
        lock (_lock)
            ForgetOld(nowMs);
    }

    /// <summary>Drops everything of an endpoint whose counters are about to go.</summary>
    public void Forget(EniGate gate)
    {
        lock (_lock)
        {
            for (var i = 0; i < Capacity; i++)
            {
                if (_waiting[i].Gate == gate)
                    Drop(i);
            }
        }
    }

    private byte* Slot(int place) => _slots + ((nint)place * _slotBytes);

    // A free place; for want of one, that of the oldest: of the endpoint's own when it has its share, else of all.
    private int MakePlace(EniGate gate, long nowMs)
    {
        ForgetOld(nowMs);
        int free = -1, oldest = -1, own = -1, ofEni = 0;
        for (var i = 0; i < Capacity; i++)
        {
            ref readonly var each = ref _waiting[i];
            if (each.Gate is null)
            {
                free = i;
                continue;
            }

            if (oldest < 0 || each.Arrival < _waiting[oldest].Arrival)
                oldest = i;
            if (each.Gate != gate)
                continue;
            ofEni++;
            if (own < 0 || each.Arrival < _waiting[own].Arrival)
                own = i;
        }

        if (ofEni < CapacityPerEni && free >= 0)
            return free;
        var place = ofEni >= CapacityPerEni ? own : oldest;
        Drop(place);
        return place;
    }

    private void ForgetOld(long nowMs)
    {
        for (var i = 0; i < Capacity; i++)
        {
            if (_waiting[i].Gate is not null && nowMs - _waiting[i].SinceMs > _waitMs)
                Drop(i);
        }
    }

    private void Drop(int place)
    {
        _waiting[place].Gate!.Counters.ByWaitingFragments->Drop(DropReason.FragmentWithoutFirst);
        Free(place);
    }

    private void Free(int place)
    {
        _waiting[place] = default;
        Volatile.Write(ref _count, _count - 1);
    }

    private struct Waiting
    {
        public EniGate? Gate;
        public FlowKey Key;
        public int Length;
        public long SinceMs;
        public ulong Arrival;
    }
}
