using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
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

    // Written under the lock, entries and array alike; read by the thread without it. A token is an index and a generation.
    private volatile QueueBinding?[] _bindings = new QueueBinding?[8];
    private uint _generation;

    internal TunnelThread(int index, DataPlaneOptions options, ReturnPath returnPath, Quiescence quiescence, IDataPlaneObserver observer)
        : base('T', index, options.TunnelThreads.CoreOf(index), quiescence, observer)
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
            // Read anew for each event: one attached in this very turn may lie in a larger array.
            var binding = Volatile.Read(ref _bindings[(int)(uint)token]);
            if (binding is null || binding.Generation != (uint)(token >> 32))
                continue;
            if (Epoll.HasFailed(i))
                Fail(binding, new(LinuxError.EBADFD));
            else
                Drain(binding, binding.TakeSingle() ? 1 : _budget, now);
        }

        _return.Flush();
    }

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

    private protected override void CountAbandoned() => _return.CountAbandoned();

    private protected override void DisposeOwned()
    {
        _return.Dispose();
        _counters.Dispose();
    }

    // Reads so many packets at most; answers how many there were.
    private int Drain(QueueBinding binding, int limit, long now)
    {
        for (var taken = 0; taken < limit; taken++)
        {
            var packet = _return.NextPacket;
            var read = binding.Device.Read(Index, packet, SendBatch.PacketBytes);
            if (read.IsError)
            {
                // ENOMEM and ENOBUFS pass by themselves.
                if (read.Errno is not (LinuxError.EAGAIN or LinuxError.ENOBUFS or LinuxError.ENOMEM))
                    Fail(binding, read.Error);
                binding.NoteEmptyAfter(taken);
                return taken;
            }

            Return(binding, packet, read.Value, now);
        }

        return limit;
    }

    [SkipLocalsInit]
    private void Return(QueueBinding binding, byte* start, int length, long now)
    {
        var packet = new ReadOnlySpan<byte>(start, length);
        var gate = binding.Port.Gate;
        if (_trace)
            _observer.OnPacketTrace(PacketTracePoint.FromTunnel, gate.EniId, packet);
        var refusal = InnerPacket.TryParse(packet, out var inner);
        if (refusal != DropReason.None)
        {
            binding.Counters->Drop(refusal);
            return;
        }

        var header = stackalloc byte[GwlbGeneveHeader.MaximumLength];
        OuterPath path = default;
        var headerLength = gate.Matcher is { } matcher ? matcher.Find(packet, inner, new Span<byte>(header, GwlbGeneveHeader.MaximumLength), out path, now) : 0;
        if (headerLength == 0 && !TryMatchLater(binding, packet, inner, new Span<byte>(header, GwlbGeneveHeader.MaximumLength), out headerLength, out path, now))
            return;

        Count(binding, length, now);
        _return.Append(new ReadOnlySpan<byte>(header, headerLength), inner.Length, path, binding.Counters);
        if (inner.IsFirstFragment)
            ReturnWaiting(binding, FlowKey.OfFragment(packet, inner, FragmentTeacher.LoadBalancer), new ReadOnlySpan<byte>(header, headerLength), path, now);
    }

    private void Count(QueueBinding binding, int length, long now)
    {
        _counters[0]->Count(length, now);
        binding.Counters->Count(length, now);
    }

    // No flow is known for the packet. Unless it is the kernel's own, it counts as returned, and as dropped if it does not wait.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryMatchLater(QueueBinding binding, ReadOnlySpan<byte> packet, in InnerPacket inner, Span<byte> header, out int headerLength, out OuterPath path, long now)
    {
        headerLength = 0;
        path = default;
        if (KernelChatter.Matches(packet, inner))
        {
            binding.Counters->Drop(DropReason.KernelChatter);
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

        Count(binding, packet.Length, now);
        if (gate.Matcher is null)
            binding.Counters->Drop(DropReason.ReturnDisabled);
        else if (!inner.IsLaterFragment)
            binding.Counters->Drop(DropReason.NoFlow);
        else if (headerLength < 0)
            binding.Counters->Drop(DropReason.FragmentWithoutFirst);
        return false;
    }

    // Fragments that came before the first one of their packet go with its header.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReturnWaiting(QueueBinding binding, in FlowKey key, ReadOnlySpan<byte> header, in OuterPath path, long now)
    {
        var gate = binding.Port.Gate;
        int length;
        while ((length = gate.WaitingFragments.Take(gate, key, new Span<byte>(_return.NextPacket, SendBatch.PacketBytes), now)) != 0)
            _return.Append(header, length, path, binding.Counters);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Fail(QueueBinding binding, LinuxError error)
    {
        // Level-triggered: a failed queue would be reported for ever.
        Epoll.Remove(binding.Handle);
        binding.Port.ReportFault(binding.Device, error);
    }

    /// <summary>One queue of one device, as this thread watches it.</summary>
    private sealed class QueueBinding(TunnelPort port, TunDevice device, int queue, CounterBlock* counters, uint generation)
    {
        private const int MostSingles = 8;

        private int _singles;
        private int _nextSingles = 1;

        public TunnelPort Port { get; } = port;

        public TunDevice Device { get; } = device;

        public int Handle { get; } = device.QueueHandle(queue);

        public CounterBlock* Counters { get; } = counters;

        public uint Generation { get; } = generation;

        /// <summary>
        /// Whether this turn reads one packet only. At a low rate each turn finds one, and a read that only learns that the queue is empty
        /// costs as much as the one that got it: while that has been so, the rest is left to epoll, which tells of a queue that has more.
        /// </summary>
        public bool TakeSingle()
        {
            if (_singles == 0)
                return false;
            _singles--;
            return true;
        }

        /// <summary>A turn read the queue until it was empty, and got so many packets.</summary>
        public void NoteEmptyAfter(int packets)
        {
            _nextSingles = packets <= 1 ? Math.Min(_nextSingles * 2, MostSingles) : 1;
            _singles = _nextSingles - 1;
        }
    }
}
