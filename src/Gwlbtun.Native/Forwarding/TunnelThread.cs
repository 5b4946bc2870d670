using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Reads what comes back out of the tunnels, from its own queue of every device, and returns it to the load balancer behind
/// its flow's Geneve header.
/// </summary>
public sealed unsafe class TunnelThread : DataThread
{
    // A stop must end also under a flood: so many turns of each queue are still returned.
    private const int TurnsInFlight = 128;

    private readonly ReturnPath _return;
    private readonly IDataPlaneObserver _observer;
    private readonly CounterBlocks _counters = new(1);
    private readonly Lock _attaching = new();
    private readonly int _budget;
    private readonly bool _trace;

    // Packets of one queue that were read together, and the first fragments among them that were returned.
    private readonly ReadPacket[] _packets = new ReadPacket[ReturnSender.PacketsAtOnce];
    private readonly FlowKey[] _firsts = new FlowKey[ReturnSender.PacketsAtOnce];

    // Packets that were read and not dealt with yet, and from where.
    private QueueBinding? _reading;
    private int _inHand;

    // How many more packets than reads there have been, because of super-packets.
    private long _beyondReads;

    // Written under the lock, entries and array alike; read by the thread without it. A token is an index and a generation.
    private volatile QueueBinding?[] _bindings = new QueueBinding?[8];
    private uint _generation;

    internal TunnelThread(int index, DataPlaneOptions options, ReturnPath returnPath, Quiescence quiescence, IDataPlaneObserver observer)
        : base('T', index, options.TunnelThreads.CoreOf(index), options, quiescence, observer)
    {
        _return = returnPath;
        _observer = observer;
        _budget = options.Budget;
        _trace = options.TraceTunnel;
    }

    /// <summary>Packets read from tunnels, kernel chatter left out, and their bytes.</summary>
    public override CounterSnapshot Counters => _counters[0]->Snapshot();

    /// <summary>Watches the thread's queue of each of the port's devices. Any thread may call.</summary>
    internal void Attach(TunnelPort port)
    {
        lock (_attaching)
        {
            Watch(new(port, port.Ingress, Index, port.Gate.Counters.FromIngress(Index), ++_generation));
            if (port.Egress is { } egress)
                Watch(new(port, egress, Index, port.Gate.Counters.FromEgress(Index), ++_generation));
        }
    }

    /// <summary>Forgets the port. Any thread may call; the caller then awaits <see cref="Quiescence"/>.</summary>
    internal void Detach(TunnelPort port)
    {
        lock (_attaching)
        {
            var bindings = _bindings;
            for (var i = 0; i < bindings.Length; i++)
            {
                if (bindings[i] is not { } binding || binding.Port != port)
                    continue;
                Epoll.Remove(binding.Handle);
                Volatile.Write(ref bindings[i], null);
            }
        }
    }

    private void Watch(QueueBinding binding)
    {
        var bindings = _bindings;
        var slot = Array.IndexOf(bindings, null);
        if (slot < 0)
        {
            slot = bindings.Length;
            Array.Resize(ref bindings, slot * 2);
            _bindings = bindings;
        }

        Volatile.Write(ref bindings[slot], binding);
        Epoll.Add(binding.Handle, ((ulong)binding.Generation << 32) | (uint)slot).OrThrow($"watch a queue of {binding.Device.Name}");
    }

    private protected override void Turn(int ready)
    {
        var now = Environment.TickCount64;
        for (var i = 0; i < ready; i++)
        {
            if (TakeWake(i))
                continue;
            var token = Epoll.Token(i);
            if (Find(token) is not { } binding)
                continue;
            if (Epoll.HasFailed(i))
                Fail(binding, new(LinuxError.EBADFD));
            else if (Drain(binding, binding.TakeSingle() ? 1 : _budget, now) > 0 && IsTurnAfterWrite)
                binding.Port.NoteReturnsAtOnce(Index, binding);
        }

        _return.Flush();
    }

    // Where packets have come back at once, they will again: reading is cheaper than asking first.
    private protected override int TurnUnasked(ReadOnlySpan<ExpectedReturn> expected)
    {
        var now = Environment.TickCount64;
        var taken = 0;
        foreach (ref readonly var returns in expected)
        {
            var beyond = _beyondReads;
            var reads = Drain(returns.Queue, returns.Writes, now);
            if (reads == 0)
                returns.Queue.Port.NoteReturnsAtOnce(Index, null);
            // The device, or a device on the way, has taken super-packets apart.
            else if (reads == returns.Writes && returns.Packets - reads - (_beyondReads - beyond) is > 0 and var left)
                reads += Drain(returns.Queue, (int)left, now, reads);
            taken += reads + (int)(_beyondReads - beyond);
        }

        _return.Flush();
        return taken;
    }

    // Null when it has been detached. Read anew for each event: one attached in this very turn may lie in a larger array.
    private QueueBinding? Find(ulong token) => Volatile.Read(ref _bindings[(int)(uint)token]) is { } binding && binding.Generation == (uint)(token >> 32) ? binding : null;

    private protected override void Flush()
    {
        var now = Environment.TickCount64;
        foreach (var binding in _bindings)
        {
            for (var i = 0; binding is not null && i < TurnsInFlight && Drain(binding, _budget, now) > 0; i++)
            {
            }
        }

        _return.Flush();
    }

    private protected override void CountAbandoned()
    {
        if (_reading is not null)
            _reading.Counters->Drop(DropReason.ThreadDied, (ulong)_inHand);
        _return.CountAbandoned();
    }

    private protected override void DisposeOwned()
    {
        _return.Dispose();
        _counters.Dispose();
    }

    // Reads so many packets at most, after as many as were read just before; answers how many there were.
    private int Drain(QueueBinding binding, int limit, long now, int before = 0)
    {
        var taken = 0;
        while (taken < limit)
        {
            var read = ReadSome(binding, limit - taken, now, out var isEmpty);
            taken += read;
            if (isEmpty)
            {
                binding.NoteEmptyAfter(before + taken);
                break;
            }
        }

        NoteTaken(taken);
        return taken;
    }

    // All are read before the first is returned, so that the look-ups of their flows do not wait for memory one by one.
    private int ReadSome(QueueBinding binding, int limit, long now, out bool isEmpty)
    {
        if (_return.Packets.IsFull)
            _return.Flush();
        _reading = binding;
        var read = 0;
        var good = 0;
        isEmpty = false;
        for (; read < limit && !_return.Packets.IsFull; read++)
        {
            var start = _return.Packets.Next;
            var result = binding.Device.Read(Index, start - VirtioNetHeader.Length, PacketSlab.ReadBytes);
            if (result.IsError)
            {
                // ENOMEM and ENOBUFS pass by themselves.
                if (result.Errno is not (LinuxError.EAGAIN or LinuxError.ENOBUFS or LinuxError.ENOMEM))
                    Fail(binding, result.Error);
                isEmpty = true;
                break;
            }

            if (!TryRead(binding, start, result.Value - VirtioNetHeader.Length, out _packets[good]))
                continue;
            _return.Packets.Take(_packets[good].Inner.Length);
            good++;
            _inHand++;
        }

        var firsts = 0;
        for (var i = 0; i < good; i++, _inHand--)
        {
            ref readonly var packet = ref _packets[i];
            if (Return(binding, packet, now) && packet.Inner.IsFirstFragment)
                _firsts[firsts++] = FlowKey.OfFragment(packet.Bytes, packet.Inner, FragmentTeacher.LoadBalancer);
        }

        for (var i = 0; i < firsts; i++)
            ReturnWaiting(binding, _firsts[i], now);
        // The endpoint may be gone by the next turn.
        _reading = null;
        return read;
    }

    private bool TryRead(QueueBinding binding, byte* start, int length, out ReadPacket packet)
    {
        Unsafe.SkipInit(out packet);
        packet.Start = start;
        // Before the Geneve header is written over it.
        packet.Virtio = Unsafe.ReadUnaligned<VirtioNetHeader>(start - VirtioNetHeader.Length);
        var bytes = new ReadOnlySpan<byte>(start, length);
        if (_trace)
            _observer.OnPacketTrace(PacketTracePoint.FromTunnel, binding.Port.Gate.EniId, bytes);
        var refusal = InnerPacket.TryParse(bytes, out packet.Inner);
        if (refusal == DropReason.None && packet.Virtio is { GsoType: VirtioNetHeader.GsoNone, Flags: not 0 }
            && (packet.Virtio.Flags & VirtioNetHeader.NeedsChecksum) != 0
            && !Segmenter.TryFinishChecksum(packet.Virtio, new Span<byte>(start, packet.Inner.Length)))
            refusal = DropReason.TunOffload;
        if (refusal != DropReason.None)
        {
            binding.Counters->Drop(refusal);
            return false;
        }

        if (binding.Port.Gate.Matcher is { } matcher)
            packet.Probe = matcher.Prefetch(packet.Bytes, packet.Inner);
        return true;
    }

    // Whether it went.
    [SkipLocalsInit]
    private bool Return(QueueBinding binding, in ReadPacket packet, long now)
    {
        var header = stackalloc byte[GwlbGeneveHeader.MaximumLength];
        var headerSpan = new Span<byte>(header, GwlbGeneveHeader.MaximumLength);
        OuterPath path = default;
        var headerLength = binding.Port.Gate.Matcher is { } matcher ? matcher.Find(packet.Probe, packet.Bytes, packet.Inner, headerSpan, out path, now) : 0;
        if (headerLength == 0 && !TryMatchLater(binding, packet, headerSpan, out headerLength, out path, now))
            return false;

        if (packet.Virtio.GsoType != VirtioNetHeader.GsoNone)
            return ReturnSegments(binding, packet, headerSpan[..headerLength], path, now);
        Count(binding, packet.Inner.Length, now);
        _return.Append(packet.Start, packet.Inner.Length, headerSpan[..headerLength], path, binding.Counters);
        return true;
    }

    private bool ReturnSegments(QueueBinding binding, in ReadPacket packet, ReadOnlySpan<byte> header, in OuterPath path, long now)
    {
        if (!Segmenter.TryCreate(packet.Virtio, packet.Bytes, packet.Inner, out var segments))
        {
            Count(binding, packet.Inner.Length, now);
            binding.Counters->Drop(DropReason.TunOffload);
            return false;
        }

        _beyondReads += segments.Count - 1;
        Count(binding, packet.Inner.Length + ((segments.Count - 1) * segments.HeaderLength), now, (uint)segments.Count);
        _return.Append(packet.Start, segments, header, path, binding.Counters);
        return true;
    }

    private void Count(QueueBinding binding, int bytes, long now, uint packets = 1)
    {
        _counters[0]->Count(bytes, now, packets);
        binding.Counters->Count(bytes, now, packets);
    }

    // No flow is known for the packet. Unless it is the kernel's own, it counts as returned, and as dropped if it does not wait.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryMatchLater(QueueBinding binding, in ReadPacket read, Span<byte> header, out int headerLength, out OuterPath path, long now)
    {
        headerLength = 0;
        path = default;
        var packet = read.Bytes;
        ref readonly var inner = ref read.Inner;
        // A super-packet is so many.
        var packets = Segmenter.TryCreate(read.Virtio, packet, inner, out var segments) ? (uint)segments.Count : 1;
        if (KernelChatter.Matches(packet, inner))
        {
            binding.Counters->Drop(DropReason.KernelChatter, packets);
            return false;
        }

        var gate = binding.Port.Gate;
        if (gate.Matcher is not null && inner.IsLaterFragment)
        {
            var key = FlowKey.OfFragment(packet, inner, FragmentTeacher.LoadBalancer);
            headerLength = gate.WaitingFragments.FindOrWait(gate, packet[..inner.Length], key, header, out path, now);
            if (headerLength > 0)
                return true;
        }

        Count(binding, packet.Length, now, packets);
        if (gate.Matcher is null)
            binding.Counters->Drop(DropReason.ReturnDisabled, packets);
        else if (!inner.IsLaterFragment)
            binding.Counters->Drop(DropReason.NoFlow, packets);
        else if (headerLength < 0)
            binding.Counters->Drop(DropReason.FragmentWithoutFirst);
        return false;
    }

    // Fragments that came before the first one of their packet go the way that it has gone.
    [MethodImpl(MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private void ReturnWaiting(QueueBinding binding, in FlowKey key, long now)
    {
        var gate = binding.Port.Gate;
        var header = stackalloc byte[GwlbGeneveHeader.MaximumLength];
        var headerSpan = new Span<byte>(header, GwlbGeneveHeader.MaximumLength);
        while (gate.HasWaitingFragments)
        {
            if (_return.Packets.IsFull)
                _return.Flush();
            var start = _return.Packets.Next;
            var length = gate.WaitingFragments.Take(gate, key, new Span<byte>(start, PacketSlab.PacketBytes), now);
            if (length == 0)
                return;
            var headerLength = gate.Matcher!.Fragments.Find(key, headerSpan, out var path, now);
            if (headerLength == 0)
            {
                // The record of the first had to give way to others at once.
                binding.Counters->Drop(DropReason.FragmentWithoutFirst);
                continue;
            }

            _return.Packets.Take(length);
            _return.Append(start, length, headerSpan[..headerLength], path, binding.Counters);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Fail(QueueBinding binding, LinuxError error)
    {
        // Level-triggered: a failed queue would be reported for ever.
        Epoll.Remove(binding.Handle);
        binding.Port.ReportFault(binding.Device, error);
    }
}
