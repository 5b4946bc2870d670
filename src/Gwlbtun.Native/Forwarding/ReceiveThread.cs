using System.Runtime.CompilerServices;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Receives Geneve datagrams from one socket and delivers them to their endpoints' tunnels, on its own core. What has no
/// live tunnel waits at the endpoint's gate.
/// </summary>
public sealed unsafe class ReceiveThread : DataThread
{
    private const ulong SocketToken = 0;

    // A stop must end also under a flood: about so many of the datagrams that have arrived are still delivered.
    private const int DatagramsInFlight = 16_384;

    // Packets that are looked up and merged together: of a batch, or of a few datagrams that the kernel has merged.
    private const int PacketsAtOnce = 256;

    private const int FullBatchesToTell = 16;
    private const int TellEveryMs = 250;

    // Of the receive buffer. Less is an ordinary burst.
    private const double MostWaiting = 1.0 / 16;

    private readonly UdpSocket _socket;
    private readonly EniRegistry _registry;
    private readonly IDataPlaneObserver _observer;
    private readonly ReceiveBatch _batch;
    private readonly CounterBlocks _counters = new(1);
    private readonly int _queues;
    private readonly int _budget;
    private readonly bool _isFused;
    private readonly bool _trace;

    // Packets that were received and found good, and the endpoint of each; null: not known.
    private readonly ReceivedPacket[] _packets;
    private readonly EniGate?[] _gates;

    // In which order they are delivered: by endpoint, then as they came. What the kernel and we keep for an endpoint is in the caches from its second packet on.
    private readonly ulong[] _order;
    private bool _isMixed;

    // Those that go to a live tunnel, by their numbers in the coalescer.
    private readonly Coalescer _coalescer;
    private readonly StagedPacket[] _staged;
    private int _stagedCount;
    private int _taken;

    // Packets of the batch that were written, and those of them that have likely come back in the thread that this one rides on.
    private readonly ExpectedReturn[] _expected = new ExpectedReturn[PacketsAtOnce];
    private int _expectedCount;
    private int _written;

    // Batches one after the other that left something behind, and when that was told.
    private int _fullBatches;
    private long _toldMs;

    // The last endpoint, so that a run of packets for it needs no look-up. Valid within one turn.
    private EniDirectory _directory = EniDirectory.Empty;
    private EniGate? _lastGate;

    // Datagrams of the batch that are not dealt with yet.
    private int _inHand;

    /// <summary>Creates the thread; <see cref="DataThread.Start"/> starts it.</summary>
    /// <param name="index">Its number among the receive threads, from 0.</param>
    /// <param name="options">The data plane's options.</param>
    /// <param name="socket">Where it receives. Stays the caller's.</param>
    /// <param name="registry">The endpoints.</param>
    /// <param name="quiescence">Where it reports its turns.</param>
    /// <param name="observer">Whom it tells.</param>
    public ReceiveThread(int index, DataPlaneOptions options, UdpSocket socket, EniRegistry registry, Quiescence quiescence, IDataPlaneObserver observer)
        : base('U', index, options.ReceiveThreads.CoreOf(index), options, quiescence, observer)
    {
        _socket = socket;
        _registry = registry;
        _observer = observer;
        _queues = options.TunnelThreads.Count;
        _budget = options.Budget;
        _isFused = options.FuseThreads;
        _trace = options.TraceGeneve;
        _batch = new(options.ReceiveBatch);
        _packets = new ReceivedPacket[PacketsAtOnce];
        _gates = new EniGate?[PacketsAtOnce];
        _order = new ulong[PacketsAtOnce];
        // Once now: what the runtime makes for the first time that it sorts, it makes on this thread.
        _order.AsSpan().Sort();
        _coalescer = new Coalescer(options.Offloads.Into, PacketsAtOnce);
        _staged = new StagedPacket[PacketsAtOnce];
        Epoll.Add(socket.Handle, SocketToken).OrThrow("watch the receive socket");
    }

    /// <summary>Whether it can ride on that tunnel thread: <see cref="DataPlaneOptions.FuseThreads"/> says so, and both may run on the same cores.</summary>
    public bool CanRideOn(TunnelThread tunnelThread) => _isFused && tunnelThread.Core == Core;

    /// <summary>Datagrams received, refused ones too, and the bytes of their UDP payloads.</summary>
    public override CounterSnapshot Counters => _counters[0]->Snapshot();

    /// <summary>Adds the drops that belong to no endpoint to <paramref name="totals"/>, indexed by <see cref="DropReason"/>.</summary>
    public void AddDropsTo(Span<ulong> totals) => _counters.AddDropsTo(totals);

    /// <inheritdoc/>
    public override bool IsBehind => _socket.WaitingShare > MostWaiting;

    // Which queue of every ingress device this thread writes through: that of the thread in which the packets come back.
    private int Queue => TurnIndex % _queues;

    private protected override void Turn(int ready)
    {
        for (var i = 0; i < ready; i++)
        {
            if (!TakeWake(i))
                _ = ReceiveOnce();
        }
    }

    // Its carrier asks for it when something has arrived, or to wake it.
    private protected override int TurnUnasked(ReadOnlySpan<ExpectedReturn> expected) => ReceiveOnce();

    private protected override void Flush()
    {
        var received = 1;
        for (var left = DatagramsInFlight; left > 0 && received > 0; left -= received)
            received = ReceiveOnce();
    }

    private protected override void CountAbandoned() => _counters[0]->Drop(DropReason.ThreadDied, (ulong)_inHand);

    private protected override void DisposeOwned()
    {
        _batch.Dispose();
        _counters.Dispose();
    }

    private int ReceiveOnce()
    {
        var received = _batch.Receive(_socket);
        if (received.IsError)
        {
            _fullBatches = 0;
            // ENOBUFS and ENOMEM pass; anything else means that the socket is of no more use.
            return received.Errno is LinuxError.EAGAIN or LinuxError.ENOBUFS or LinuxError.ENOMEM ? 0 : received.OrThrow("receive from the Geneve socket");
        }

        NoteTaken(received.Value);
        var now = Environment.TickCount64;
        _directory = _registry.Current;
        _lastGate = null;
        _inHand = received.Value;
        for (var i = 0; i < received.Value; i++)
        {
            _batch.Get(i, out var datagram);
            if (datagram.SegmentSize == 0)
                Take(datagram, now);
            else
                TakeSegments(datagram, now);
        }

        DeliverTaken(now);
        _inHand = 0;
        if (_batch.MayHaveLeftSome)
            NoteBacklog(now);
        else
            _fullBatches = 0;

        // The kernel tells its count only when it has one.
        if (_batch.SocketDrops != 0)
            _counters[0]->Drop(DropReason.SocketOverflow, _socket.NoteDrops(_batch.SocketDrops));
        return received.Value;
    }

    private void NoteBacklog(long now)
    {
        if (++_fullBatches < FullBatchesToTell || now - _toldMs < TellEveryMs || Carrier is null)
            return;
        _fullBatches = 0;
        _toldMs = now;
        _observer.OnBacklog(this);
    }

    private void TakeSegments(scoped in ReceivedDatagram merged, long now)
    {
        for (var offset = 0; offset < merged.Length; offset += merged.SegmentSize)
        {
            var segment = merged;
            segment.Payload += offset;
            segment.Length = Math.Min(merged.SegmentSize, merged.Length - offset);
            _inHand += offset == 0 ? 0 : 1;
            Take(segment, now);
        }
    }

    // All are read before the first is delivered, so that the look-ups of their flows do not wait for memory one by one.
    private void Take(scoped in ReceivedDatagram datagram, long now)
    {
        if (_taken == PacketsAtOnce)
            DeliverTaken(now);
        _counters[0]->Count(datagram.Length, now);
        if (TryRead(datagram, out _packets[_taken], out _gates[_taken]))
        {
            // Without the topmost bits of the endpoint's number, by which few would differ alone.
            _order[_taken] = (_packets[_taken].Geneve.EniId * PacketsAtOnce) + (ulong)_taken;
            _isMixed |= _taken > 0 && _gates[_taken] != _gates[_taken - 1];
            _taken++;
        }
        else
        {
            _inHand--;
        }
    }

    private void DeliverTaken(long now)
    {
        _stagedCount = 0;
        var order = _order.AsSpan(0, _taken);
        if (_isMixed)
            order.Sort();
        foreach (var key in order)
        {
            var i = (int)(key % PacketsAtOnce);
            ref readonly var packet = ref _packets[i];
            if (_gates[i]?.Port is { } port)
                Stage(port, packet, i, now);
            else
                DeliverLater(packet, now);
        }

        for (var group = 0; group < _coalescer.GroupCount; group++)
            WriteGroup(group, now);
        _coalescer.Clear();
        _inHand -= _taken;
        _taken = 0;
        _isMixed = false;
        if (IsRiding && _written > 0)
            LetCarrierTurn(_written, _expected.AsSpan(0, _expectedCount), _budget);
        _written = _expectedCount = 0;
    }

    private void Stage(TunnelPort port, in ReceivedPacket packet, int index, long now)
    {
        _staged[_stagedCount++] = new() { Packet = index, Port = port, Unlearned = port.Learn(packet, now) };
        _coalescer.Add(packet.Datagram + packet.Geneve.Length, packet.Inner, port.Gate.EniId, packet.MergeHash);
    }

    private void WriteGroup(int group, long now)
    {
        var first = _coalescer.FirstOf(group);
        var port = _staged[first].Port;
        var pieces = stackalloc IoVector[SuperPacket.MaximumSegments];
        var count = _coalescer.Seal(group, pieces);
        var outcome = port.Write(Queue, pieces, count);
        if (outcome != WriteOutcome.DeviceFailed && (outcome == WriteOutcome.Written || count == 1))
        {
            if (outcome == WriteOutcome.Written)
                NoteWritten(port, _coalescer.CountOf(group));
            var counters = port.Gate.Counters.ByReceiveThread(Index);
            for (var member = first; member >= 0; member = _coalescer.NextOf(member))
                counters->CountDelivery(outcome, _staged[member].Unlearned, _packets[_staged[member].Packet].Inner.Length, now);
            return;
        }

        _coalescer.Unseal(group);
        for (var member = first; member >= 0; member = _coalescer.NextOf(member))
        {
            ref readonly var packet = ref _packets[_staged[member].Packet];
            // A super-packet that the kernel does not want is taken one by one.
            if (outcome == WriteOutcome.DeviceFailed || !TryDeliver(port, packet, port.Gate.Counters.ByReceiveThread(Index), now))
                DeliverLater(packet, now);
        }
    }

    // False when the device has failed.
    private bool TryDeliver(TunnelPort port, in ReceivedPacket packet, CounterBlock* counters, long now)
    {
        var outcome = port.Deliver(packet, Queue, counters, now);
        if (outcome == WriteOutcome.Written)
            NoteWritten(port, packets: 1);
        return outcome != WriteOutcome.DeviceFailed;
    }

    private void NoteWritten(TunnelPort port, int packets)
    {
        _written += packets;
        if (!IsRiding || port.ReturnsAtOnce(Queue) is not { } queue)
            return;
        if (queue.Place >= _expectedCount || _expected[queue.Place].Queue != queue)
        {
            queue.Place = _expectedCount++;
            _expected[queue.Place] = new() { Queue = queue };
        }

        _expected[queue.Place].Writes++;
        _expected[queue.Place].Packets += packets;
    }

    // Whether there is a packet to deliver; a refusal is counted.
    private bool TryRead(scoped in ReceivedDatagram datagram, out ReceivedPacket packet, out EniGate? gate)
    {
        Unsafe.SkipInit(out packet);
        packet.Datagram = datagram.Payload;
        var payload = new ReadOnlySpan<byte>(datagram.Payload, datagram.Length);
        var refusal = datagram.WasTruncated ? DropReason.ReceiveTruncated
            : datagram.WasFragmented ? DropReason.OuterFragment
            : DropReason.None;
        packet.Geneve = default;
        if (refusal == DropReason.None)
            refusal = GwlbGeneveHeader.TryParse(payload, out packet.Geneve);
        if (_trace)
            _observer.OnPacketTrace(PacketTracePoint.FromLoadBalancer, packet.Geneve.EniId, payload);
        if (refusal != DropReason.None)
        {
            gate = null;
            _counters[0]->Drop(refusal);
            return false;
        }

        gate = _lastGate;
        if (gate is null || gate.EniId != packet.Geneve.EniId)
            _lastGate = gate = _directory.Find(packet.Geneve.EniId);
        refusal = packet.ReadInner(datagram.Length);
        if (refusal != DropReason.None)
        {
            (gate is null ? _counters[0] : gate.Counters.ByReceiveThread(Index))->Drop(refusal);
            return false;
        }

        packet.Path = new(datagram.SourceAddress, datagram.DestinationAddress, datagram.SourcePort);
        packet.Prefetch(gate?.Matcher);
        return true;
    }

    // The endpoint is unknown, or its tunnel is not live: wait at the gate, making one first.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void DeliverLater(ReceivedPacket packet, long now)
    {
        while (true)
        {
            if (_registry.Admit(packet.Geneve.EniId) is not { } gate)
            {
                _counters[0]->Drop(DropReason.TooManyEnis);
                return;
            }

            var counters = gate.Counters.ByReceiveThread(Index);
            if (!gate.TryHold(packet.Whole, packet.Path, Queue, counters, out var port))
                continue;
            if (port is null)
                return;
            packet.Prefetch(gate.Matcher);
            if (TryDeliver(port, packet, counters, now))
                return;
        }
    }

    /// <summary>A packet of the batch that goes to a live tunnel.</summary>
    private struct StagedPacket
    {
        public int Packet;
        public TunnelPort Port;
        public DropReason Unlearned;
    }
}
