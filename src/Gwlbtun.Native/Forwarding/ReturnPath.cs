using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// The way back to the load balancer: encapsulates packets in place and sends them in batches, through a raw socket, or
/// without CAP_NET_RAW through UDP sockets bound to the flows' source ports. Wherever it is known which neighbour a packet goes to, it leaves through a packet
/// socket: that costs less, and takes a super-packet whole. One tunnel thread uses it.
/// </summary>
internal sealed unsafe class ReturnPath : IDisposable
{
    private const int SendBufferBytes = 16 << 20;
    private const int BoundSocketsPerThread = 1024;

    // A full send buffer empties within microseconds unless the link stands still: this long we wait for it, in milliseconds.
    private const int FullBufferWaitMs = 20;

    private readonly SendBatch _batch = new();
    private readonly Entry[] _entries = new Entry[SendBatch.MessageCapacity];
    private readonly RawSocket? _raw;
    private readonly BoundSockets? _bound;
    private readonly PacketSocket? _packet;
    private readonly NextHops? _hops;
    private readonly FullQueuePatience _patience = new();
    private readonly ushort _genevePort;

    private ReturnPath(RawSocket? raw, PacketSocket? packet, NextHops? hops, UdpSocket receiveSocket)
    {
        _raw = raw;
        _packet = packet;
        _hops = hops;
        _bound = raw is null ? new(BoundSocketsPerThread, receiveSocket) : null;
        _genevePort = (ushort)receiveSocket.EndPoint.Port;
        // Walked once now: the first full buffer must find nothing left to bind, which allocates, on a data thread.
        if (raw is not null)
            _ = ShouldRetry(raw.Handle, LinuxError.EAGAIN);
    }

    /// <summary>Whether it sends through bound sockets, for want of CAP_NET_RAW.</summary>
    public bool UsesBoundSockets => _bound is not null;

    /// <summary>Opens the best way that there is.</summary>
    /// <param name="receiveSocket">Any of the receive sockets: its port is where the load balancer listens, too.</param>
    /// <param name="hops">Where packets leave, for them to go through the packet socket; null: they do not.</param>
    /// <exception cref="LinuxException">A raw socket could not be had for another reason than a missing capability.</exception>
    public static ReturnPath Open(UdpSocket receiveSocket, NextHops? hops)
    {
        var raw = RawSocket.TryOpen(SendBufferBytes, out var error);
        if (raw is null && error.Number is not (LinuxError.EPERM or LinuxError.EACCES))
            throw new LinuxException("open a raw socket", error);
        var packet = raw is null || hops is null ? null : PacketSocket.TryOpenToSend(SendBufferBytes, out _);
        return new(raw, packet, hops, receiveSocket);
    }

    /// <summary>Where the next packet is to be read to: <see cref="SendBatch.PacketBytes"/> bytes, and those of a virtio header in front.</summary>
    public byte* NextPacket => _batch.NextPacket;

    /// <summary>Whether <see cref="NextPacket"/> is none: <see cref="Flush"/> comes first.</summary>
    public bool IsFull => _batch.IsFull;

    /// <summary>Keeps the packet that was read to <see cref="NextPacket"/>, until <see cref="Flush"/>.</summary>
    public void KeepPacket() => _batch.TakeSlot();

    /// <summary>Encapsulates a packet that was kept, where it lies, and queues it.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="geneveHeader">The flow's Geneve header, echoed whole.</param>
    /// <param name="path">The flow's outer addresses, as received.</param>
    /// <param name="counters">Where to count if it cannot be sent.</param>
    public void Append(byte* packet, int length, ReadOnlySpan<byte> geneveHeader, in OuterPath path, CounterBlock* counters)
    {
        MakeRoomFor(1);
        var payloadLength = geneveHeader.Length + length;
        if (FindHop(path, payloadLength) is { } hop)
        {
            var front = packet - geneveHeader.Length - ReturnFrame.FrontLength;
            ReturnFrame.WriteFront(front, hop, path, _genevePort, payloadLength, payloadLength);
            geneveHeader.CopyTo(new Span<byte>(front + ReturnFrame.FrontLength, geneveHeader.Length));
            _entries[_batch.Count] = new() { Counters = counters, Path = path, Hop = hop, Packets = 1 };
            _batch.AppendFrame(front, ReturnFrame.FrontLength + payloadLength, hop.InterfaceIndex, EtherType.Ipv4);
            return;
        }

        var outer = packet - geneveHeader.Length - OuterLength;
        if (TryBegin(new Span<byte>(outer, OuterLength + geneveHeader.Length), geneveHeader, payloadLength, path, counters))
            _batch.Append(outer, OuterLength + payloadLength, path.LoadBalancerAddress, _genevePort);
    }

    /// <summary>The same for the segments of a super-packet that was kept.</summary>
    /// <param name="packet">The super-packet.</param>
    /// <param name="segments">What it is made of.</param>
    /// <param name="geneveHeader">The flow's Geneve header, echoed whole.</param>
    /// <param name="path">The flow's outer addresses, as received.</param>
    /// <param name="counters">Where to count if they cannot be sent.</param>
    public void Append(byte* packet, in Segmenter segments, ReadOnlySpan<byte> geneveHeader, in OuterPath path, CounterBlock* counters)
    {
        var size = geneveHeader.Length + segments.HeaderLength + segments.SegmentSize;
        var perFrame = Math.Min(ReturnFrame.MaximumPayload / size, SuperPacket.MaximumSegments);
        var hop = FindHop(path, size);
        for (var first = 0; first < segments.Count;)
        {
            var count = hop is null ? 1 : Math.Min(perFrame, segments.Count - first);
            if (hop is not null)
                AppendFrame(packet, segments, first, count, geneveHeader, path, hop, counters);
            else
                AppendSegment(packet, segments, first, geneveHeader, path, counters);
            first += count;
        }
    }

    /// <summary>Sends what is queued, and lets go of what was kept.</summary>
    public void Flush()
    {
        if (_batch.Count != 0)
            SendQueued();
        _batch.Clear();
    }

    /// <summary>Counts what is queued as lost: its thread ends without sending it.</summary>
    public void CountAbandoned()
    {
        for (var i = 0; i < _batch.Count; i++)
            Count(i, DropReason.ThreadDied);
        _batch.Clear();
    }

    public void Dispose()
    {
        _batch.Dispose();
        _packet?.Dispose();
        _raw?.Dispose();
        _bound?.Dispose();
    }

    // What is written in front of the Geneve header of a packet that goes by itself.
    private int OuterLength => _raw is null ? 0 : OuterHeader.Length;

    // Where packets that have no more than so many bytes behind their UDP header leave; null: through the kernel's routes.
    private NextHop? FindHop(in OuterPath path, int payloadLength) =>
        _packet is not null && _hops!.TryFind(path.LoadBalancerAddress, path.LocalAddress, out var hop) && OuterHeader.Length + payloadLength <= hop.Mtu ? hop : null;

    private void AppendSegment(byte* packet, in Segmenter segments, int segment, ReadOnlySpan<byte> geneveHeader, in OuterPath path, CounterBlock* counters)
    {
        MakeRoomFor(1);
        var headers = _batch.NextHeaders;
        var front = OuterLength + geneveHeader.Length;
        var payload = segments.PayloadOf(segment);
        if (!TryBegin(new Span<byte>(headers, front), geneveHeader, geneveHeader.Length + segments.HeaderLength + payload.Length, path, counters))
            return;
        segments.WriteHeaders(segment, new Span<byte>(headers + front, segments.HeaderLength));
        _batch.Append(headers, front + segments.HeaderLength, packet + segments.OffsetOf(segment), payload.Length, path.LoadBalancerAddress, _genevePort);
    }

    private void AppendFrame(byte* packet, in Segmenter segments, int first, int count, ReadOnlySpan<byte> geneveHeader, in OuterPath path, NextHop hop, CounterBlock* counters)
    {
        MakeRoomFor(count);
        _entries[_batch.Count] = new() { Counters = counters, Path = path, Hop = hop, Packets = count };
        _batch.BeginFrame(hop.InterfaceIndex, EtherType.Ipv4);
        var headersLength = geneveHeader.Length + segments.HeaderLength;
        var front = _batch.NextHeaders;
        var payloadLength = 0;
        for (var segment = first; segment < first + count; segment++)
        {
            // Those behind the first leave as much room in front: there its own outer headers go, should the frame not be sent.
            var headers = _batch.NextHeaders + ReturnFrame.FrontLength;
            var payload = segments.PayloadOf(segment);
            geneveHeader.CopyTo(new Span<byte>(headers, geneveHeader.Length));
            segments.WriteHeaders(segment, new Span<byte>(headers + geneveHeader.Length, segments.HeaderLength));
            payloadLength += headersLength + payload.Length;
            if (segment == first)
                _batch.AppendSegment(front, ReturnFrame.FrontLength + headersLength, packet + segments.OffsetOf(segment), payload.Length);
            else
                _batch.AppendSegment(headers, headersLength, packet + segments.OffsetOf(segment), payload.Length);
        }

        ReturnFrame.WriteFront(front, hop, path, _genevePort, headersLength + segments.SegmentSize, payloadLength);
        _batch.EndFrame();
    }

    private bool TryBegin(Span<byte> front, ReadOnlySpan<byte> geneveHeader, int payloadLength, in OuterPath path, CounterBlock* counters)
    {
        if (payloadLength > ushort.MaxValue - OuterHeader.Length)
        {
            counters->Drop(DropReason.SendTooBig);
            return false;
        }

        // Addresses swapped, ports kept.
        if (_raw is not null)
            OuterHeader.Write(front, path.LocalAddress, path.LoadBalancerAddress, path.SourcePort, _genevePort, payloadLength);
        geneveHeader.CopyTo(front[OuterLength..]);
        _entries[_batch.Count] = new() { Counters = counters, Path = path, Packets = 1 };
        return true;
    }

    private void MakeRoomFor(int packets)
    {
        if (!_batch.HasRoomFor(packets))
            SendQueued();
    }

    private void SendQueued()
    {
        if (_raw is null)
            SendThroughBoundSockets();
        else
            SendInOrder();
        _batch.ClearMessages();
    }

    // Runs of packets through the raw socket, and runs of frames through the packet socket.
    private void SendInOrder()
    {
        for (var first = 0; first < _batch.Count;)
        {
            var isFrame = _entries[first].Hop is not null;
            var end = first + 1;
            while (end < _batch.Count && _entries[end].Hop is not null == isFrame)
                end++;
            Send(isFrame ? _packet!.Handle : _raw!.Handle, first, end);
            first = end;
        }
    }

    private void SendThroughBoundSockets()
    {
        for (var first = 0; first < _batch.Count;)
        {
            // A run of packets that leave from the same address and port goes in one call.
            ref readonly var path = ref _entries[first].Path;
            var end = first + 1;
            while (end < _batch.Count && _entries[end].Path.SourcePort == path.SourcePort && _entries[end].Path.LocalAddress == path.LocalAddress)
                end++;
            var socket = _bound!.Get(path.LocalAddress, path.SourcePort);
            if (socket.IsError)
            {
                for (var i = first; i < end; i++)
                    Count(i, DropReason.SendNoSocket);
            }
            else
            {
                Send(socket.Value, first, end);
            }

            first = end;
        }
    }

    private void Send(int socket, int first, int end)
    {
        var mayRetry = true;
        while (first < end)
        {
            var sent = _batch.Send(socket, first, end - first);
            if (!sent.IsError)
            {
                first += sent.Value;
                mayRetry = true;
            }
            else if (sent.Errno == LinuxError.ENOBUFS && _patience.TryWait())
            {
                // Of several segments some may have gone: what is sent again would be there twice.
                if (_entries[first].Packets > 1)
                    GiveUp(first++, sent.Errno);
            }
            else if (!mayRetry || _entries[first].Hop is not null && sent.Errno != LinuxError.EAGAIN || !ShouldRetry(socket, sent.Errno))
            {
                // The error speaks of the first packet alone: the others go on.
                GiveUp(first++, sent.Errno);
                mayRetry = true;
            }
            else
            {
                // Once: but for a buffer that empties, for which each wait has a bound of its own.
                mayRetry = sent.Errno == LinuxError.EAGAIN;
            }
        }
    }

    // An error may also be an older packet's (an ICMP message that came for it): then the same send now works.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ShouldRetry(int socket, int errno)
    {
        SocketOption.DiscardErrors(socket);
        return errno switch
        {
            LinuxError.EMSGSIZE => false,
            LinuxError.EAGAIN => Poll.WaitWritable(socket, FullBufferWaitMs),
            _ => true,
        };
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void GiveUp(int index, int errno)
    {
        if (_entries[index].Hop is not null && !LacksRoom(errno))
            SendSegments(index);
        else
            Count(index, ReasonOf(errno));
    }

    // The interface of a frame has gone, or takes none after all: its segments go where the kernel's routes lead now.
    private void SendSegments(int index)
    {
        ref readonly var entry = ref _entries[index];
        var raw = _raw!.Handle;
        for (var segment = 0; segment < entry.Packets; segment++)
        {
            var pieces = _batch.PiecesOf(index, segment);
            var geneve = pieces[0].Base + (segment == 0 ? ReturnFrame.FrontLength : 0);
            var length = (int)pieces[0].Length - (segment == 0 ? ReturnFrame.FrontLength : 0);
            var outer = geneve - OuterHeader.Length;
            OuterHeader.Write(new(outer, OuterHeader.Length), entry.Path.LocalAddress, entry.Path.LoadBalancerAddress, entry.Path.SourcePort, _genevePort, length + (int)pieces[1].Length);
            pieces[0] = new() { Base = outer, Length = (nuint)(OuterHeader.Length + length) };
            var sent = SendBatch.SendAlone(raw, pieces, entry.Path.LoadBalancerAddress);
            if (sent.IsError && ShouldRetry(raw, sent.Errno))
                sent = SendBatch.SendAlone(raw, pieces, entry.Path.LoadBalancerAddress);
            if (sent.IsError)
                entry.Counters->Drop(ReasonOf(sent.Errno));
        }
    }

    private void Count(int index, DropReason reason) => _entries[index].Counters->Drop(reason, (ulong)_entries[index].Packets);

    private static bool LacksRoom(int errno) => errno is LinuxError.ENOBUFS or LinuxError.EAGAIN;

    private static DropReason ReasonOf(int errno) =>
        errno == LinuxError.EMSGSIZE ? DropReason.SendTooBig : LacksRoom(errno) ? DropReason.SendQueueFull : DropReason.SendFailed;

    /// <summary>A packet, or a frame of one or several.</summary>
    private struct Entry
    {
        public CounterBlock* Counters;
        public OuterPath Path;

        /// <summary>Where the frame leaves; null for a packet.</summary>
        public NextHop? Hop;

        public int Packets;
    }
}
