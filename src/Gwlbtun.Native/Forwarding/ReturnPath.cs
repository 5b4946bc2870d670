using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// The way back to the load balancer: encapsulates packets in place, puts them together to frames where it is known which neighbour they go to, and has them
/// sent in batches. One tunnel thread uses it.
/// </summary>
internal sealed unsafe class ReturnPath : IDisposable
{
    // After packets that left together were refused for good, for so long every one leaves by itself: of those, each that is refused can be sent again. In milliseconds.
    private const int SinglesMs = 1_000;

    private readonly ReturnSender _sender;
    private readonly ReturnFrames _frames;
    private readonly NextHops? _hops;
    private bool _sendsSingles;
    private long _sendsSinglesUntilMs;

    private ReturnPath(ReturnSender sender, NextHops? hops, bool joins)
    {
        _sender = sender;
        _frames = new(joins);
        _hops = sender.CanSendFrames ? hops : null;
    }

    /// <summary>Whether it sends through bound sockets, for want of CAP_NET_RAW.</summary>
    public bool UsesBoundSockets => _sender.UsesBoundSockets;

    /// <summary>Opens the best way that there is.</summary>
    /// <param name="receiveSocket">Any of the receive sockets: its port is where the load balancer listens, too.</param>
    /// <param name="hops">Where packets leave, for them to go through the packet socket; null: they do not.</param>
    /// <param name="joins">Whether packets of several flows may leave in one frame.</param>
    /// <param name="patience">How long to wait for room; its own. Null: as usual.</param>
    /// <exception cref="LinuxException">A raw socket could not be had for another reason than a missing capability.</exception>
    public static ReturnPath Open(UdpSocket receiveSocket, NextHops? hops, bool joins, FullQueuePatience? patience = null) =>
        new(ReturnSender.Open(receiveSocket, sendsFrames: hops is not null, patience ?? new()), hops, joins);

    /// <summary>Where the packets lie that are to be returned.</summary>
    public PacketSlab Packets => _sender.Packets;

    /// <summary>Encapsulates a packet of the slab, where it lies, and queues it.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="geneveHeader">The flow's Geneve header, echoed whole.</param>
    /// <param name="path">The flow's outer addresses, as received.</param>
    /// <param name="counters">Where to count if it cannot be sent.</param>
    public void Append(byte* packet, int length, ReadOnlySpan<byte> geneveHeader, in OuterPath path, CounterBlock* counters)
    {
        var payloadLength = geneveHeader.Length + length;
        if (payloadLength > ReturnFrame.MaximumPayload)
        {
            counters->Drop(DropReason.SendTooBig);
            return;
        }

        MakeRoomFor(1);
        var start = packet - geneveHeader.Length;
        geneveHeader.CopyTo(new Span<byte>(start, geneveHeader.Length));
        var frame = -1;
        if (_sendsSingles || !_frames.TryFind(path, 1, payloadLength, payloadLength, out frame))
            frame = _frames.Begin(path, FindHop(path, payloadLength), payloadLength);
        _frames.Add(frame, start, payloadLength, null, 0, counters);
    }

    /// <summary>The same for the segments of a super-packet.</summary>
    /// <param name="packet">The super-packet.</param>
    /// <param name="segments">What it is made of.</param>
    /// <param name="geneveHeader">The flow's Geneve header, echoed whole.</param>
    /// <param name="path">The flow's outer addresses, as received.</param>
    /// <param name="counters">Where to count if they cannot be sent.</param>
    public void Append(byte* packet, in Segmenter segments, ReadOnlySpan<byte> geneveHeader, in OuterPath path, CounterBlock* counters)
    {
        var headersLength = geneveHeader.Length + segments.HeaderLength;
        var size = headersLength + segments.SegmentSize;
        if (size > ReturnFrame.MaximumPayload)
        {
            counters->Drop(DropReason.SendTooBig, (ulong)segments.Count);
            return;
        }

        var hop = FindHop(path, size);
        var perFrame = hop is { TakesSuperPackets: true } ? Math.Clamp(ReturnFrame.MaximumSuperPayload / size, 1, SuperPacket.MaximumSegments) : 1;
        for (var first = 0; first < segments.Count;)
        {
            var count = Math.Min(perFrame, segments.Count - first);
            MakeRoomFor(count);
            // Asked here: what was sent to make room may have shown that they had better go one by one.
            count = _sendsSingles ? 1 : count;
            var payloadLength = (count * headersLength) + segments.PayloadLengthOf(first, count);
            var segmentSize = Math.Min(size, payloadLength);
            var frame = -1;
            if (_sendsSingles || !_frames.TryFind(path, count, segmentSize, payloadLength, out frame))
                frame = _frames.Begin(path, hop, segmentSize);
            for (var end = first + count; first < end; first++)
                AppendSegment(frame, packet, segments, first, geneveHeader, counters);
        }
    }

    /// <summary>Sends what is queued, and empties the slab.</summary>
    public void Flush()
    {
        if (_frames.Count != 0)
            SendQueued();
        Packets.Clear();
        _sendsSingles = _sendsSingles && Environment.TickCount64 < _sendsSinglesUntilMs;
    }

    /// <summary>Counts what is queued as lost: its thread ends without sending it.</summary>
    public void CountAbandoned()
    {
        for (var i = 0; i < _frames.Count; i++)
            _frames.Drop(i, DropReason.ThreadDied);
        _frames.Clear();
        Packets.Clear();
    }

    public void Dispose()
    {
        _frames.Dispose();
        _sender.Dispose();
    }

    // Where packets that have no more than so many bytes behind their UDP header leave; null: through the kernel's routes.
    private NextHop? FindHop(in OuterPath path, int payloadLength) =>
        _hops is not null && _hops.TryFind(path.LoadBalancerAddress, path.LocalAddress, out var hop) && OuterHeader.Length + payloadLength <= hop.Mtu ? hop : null;

    private void AppendSegment(int frame, byte* packet, in Segmenter segments, int segment, ReadOnlySpan<byte> geneveHeader, CounterBlock* counters)
    {
        var headers = _frames.NextHeaders;
        geneveHeader.CopyTo(new Span<byte>(headers, geneveHeader.Length));
        segments.WriteHeaders(segment, new Span<byte>(headers + geneveHeader.Length, segments.HeaderLength));
        _frames.Add(frame, headers, geneveHeader.Length + segments.HeaderLength, packet + segments.OffsetOf(segment), segments.PayloadOf(segment).Length, counters);
    }

    private void MakeRoomFor(int segments)
    {
        if (!_frames.HasRoomFor(segments))
            SendQueued();
    }

    private void SendQueued()
    {
        if (!_sender.TrySend(_frames))
        {
            _sendsSingles = true;
            _sendsSinglesUntilMs = Environment.TickCount64 + SinglesMs;
        }

        _frames.Clear();
    }
}
