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
/// again once it holds the gate. So none stays behind. An endpoint of which nothing waits never takes the gate for a first fragment, and
/// whoever does walks at most over its own. Memory is mapped once, and resident only where something has waited.
/// </remarks>
internal sealed unsafe class WaitingFragments
{
    /// <summary>Fragments of all endpoints.</summary>
    public const int Capacity = 512;

    /// <summary>Fragments of one endpoint: one that gets none but orphans leaves room for the others.</summary>
    public const int CapacityPerEni = 128;

    private const int PageBytes = 4096;

    private const int None = -1;

    private readonly Waiting[] _waiting = new Waiting[Capacity];
    private readonly byte* _slots;
    private readonly int _slotBytes;
    private readonly long _waitMs;
    private int _gate;
    private int _count;
    private int _free;

    // All that wait, in the order of their arrival.
    private int _oldest = None;
    private int _newest = None;

    /// <summary>Maps the room.</summary>
    /// <param name="wait">How long a fragment may wait; zero: not at all.</param>
    /// <param name="packetBytes">The largest packet that a tunnel device lets through.</param>
    public WaitingFragments(TimeSpan wait, int packetBytes)
    {
        _waitMs = (long)wait.TotalMilliseconds;
        _slotBytes = (packetBytes + PageBytes - 1) / PageBytes * PageBytes;
        _slots = Pages.Map((nuint)Capacity * (nuint)_slotBytes);
        for (var i = 0; i < Capacity; i++)
            _waiting[i].Next = i + 1 < Capacity ? i + 1 : None;
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
        SpinGate.Enter(ref _gate);
        var length = gate.Matcher!.Fragments.Find(key, headerOut, out path, nowMs);
        if (length == 0)
        {
            if (_waitMs == 0 || packet.Length > _slotBytes)
                length = -1;
            else
                Add(gate, packet, key, nowMs);
        }

        SpinGate.Exit(ref _gate);
        return length;
    }

    /// <summary>Takes the fragment of a packet that has waited longest.</summary>
    /// <returns>Its length, or 0 when there is none.</returns>
    public int Take(EniGate gate, in FlowKey key, Span<byte> packetOut, long nowMs)
    {
        // One that arrives just now will find what the caller has made known.
        if (!gate.HasWaitingFragments)
            return 0;
        SpinGate.Enter(ref _gate);
        ForgetOld(nowMs);
        var place = gate.OldestFragment;
        while (place != None && _waiting[place].Key != key)
            place = _waiting[place].NextOfGate;
        var length = 0;
        if (place != None)
        {
            length = _waiting[place].Length;
            new ReadOnlySpan<byte>(Slot(place), length).CopyTo(packetOut);
            Free(place);
        }

        SpinGate.Exit(ref _gate);
        return length;
    }

    /// <summary>Drops what has waited for too long.</summary>
    public void Expire(long nowMs)
    {
        if (Count == 0)
            return;
        SpinGate.Enter(ref _gate);
        ForgetOld(nowMs);
        SpinGate.Exit(ref _gate);
    }

    /// <summary>Drops everything of an endpoint whose counters are about to go.</summary>
    public void Forget(EniGate gate)
    {
        SpinGate.Enter(ref _gate);
        while (gate.OldestFragment != None)
            Drop(gate.OldestFragment);
        SpinGate.Exit(ref _gate);
    }

    private byte* Slot(int place) => _slots + ((nint)place * _slotBytes);

    // For want of a free place the oldest gives way: of the endpoint's own when it has its share, else of all.
    private void Add(EniGate gate, ReadOnlySpan<byte> packet, in FlowKey key, long nowMs)
    {
        ForgetOld(nowMs);
        if (gate.WaitingFragmentCount == CapacityPerEni)
            Drop(gate.OldestFragment);
        if (_free == None)
            Drop(_oldest);
        var place = _free;
        _free = _waiting[place].Next;
        packet.CopyTo(new Span<byte>(Slot(place), _slotBytes));
        _waiting[place] = new()
        {
            Gate = gate,
            Key = key,
            Length = packet.Length,
            SinceMs = nowMs,
            Previous = _newest,
            Next = None,
            PreviousOfGate = gate.NewestFragment,
            NextOfGate = None,
        };
        (_newest == None ? ref _oldest : ref _waiting[_newest].Next) = place;
        _newest = place;
        (gate.NewestFragment == None ? ref gate.OldestFragment : ref _waiting[gate.NewestFragment].NextOfGate) = place;
        gate.NewestFragment = place;
        Volatile.Write(ref gate.WaitingFragmentCount, gate.WaitingFragmentCount + 1);
        Volatile.Write(ref _count, _count + 1);
    }

    // Threads read their clocks at different times: one that arrived later may be a little older. It goes with the next.
    private void ForgetOld(long nowMs)
    {
        while (_oldest != None && nowMs - _waiting[_oldest].SinceMs > _waitMs)
            Drop(_oldest);
    }

    private void Drop(int place)
    {
        _waiting[place].Gate!.Counters.ByWaitingFragments->Drop(DropReason.FragmentWithoutFirst);
        Free(place);
    }

    private void Free(int place)
    {
        ref var leaving = ref _waiting[place];
        var gate = leaving.Gate!;
        (leaving.Previous == None ? ref _oldest : ref _waiting[leaving.Previous].Next) = leaving.Next;
        (leaving.Next == None ? ref _newest : ref _waiting[leaving.Next].Previous) = leaving.Previous;
        (leaving.PreviousOfGate == None ? ref gate.OldestFragment : ref _waiting[leaving.PreviousOfGate].NextOfGate) = leaving.NextOfGate;
        (leaving.NextOfGate == None ? ref gate.NewestFragment : ref _waiting[leaving.NextOfGate].PreviousOfGate) = leaving.PreviousOfGate;
        Volatile.Write(ref gate.WaitingFragmentCount, gate.WaitingFragmentCount - 1);
        Volatile.Write(ref _count, _count - 1);
        leaving = default;
        leaving.Next = _free;
        _free = place;
    }

    private struct Waiting
    {
        public EniGate? Gate;
        public FlowKey Key;
        public int Length;
        public long SinceMs;

        // Its neighbours in the order of arrival, of all and of its endpoint; of a free place, the next free one.
        public int Previous;
        public int Next;
        public int PreviousOfGate;
        public int NextOfGate;
    }
}
