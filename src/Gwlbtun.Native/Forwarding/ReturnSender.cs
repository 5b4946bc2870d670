using System.Runtime.CompilerServices;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// Sends frames: through a packet socket where it is known where they leave, else packet by packet through a raw socket, or without CAP_NET_RAW through UDP sockets bound to
/// the flows' source ports. The packet socket costs less, and takes a super-packet whole. What cannot be sent is counted. One tunnel thread uses it.
/// </summary>
internal sealed unsafe class ReturnSender : IDisposable
{
    /// <summary>Packets that are read before they are sent, at most.</summary>
    public const int PacketsAtOnce = 256;

    // As of what is received: what a core's cache holds beside other things.
    private const int BytesAtOnce = 1 << 20;

    private const int SendBufferBytes = 16 << 20;
    private const int BoundSocketsPerThread = 1024;

    // A super-packet that is refused as often, after a wait each, may be larger than the queue.
    private const int RefusalsAtMost = 5;

    private readonly SendBatch _batch = new(PacketsAtOnce, BytesAtOnce);
    private readonly RawSocket? _raw;
    private readonly BoundSockets? _bound;
    private readonly PacketSocket? _packet;
    private readonly FullQueuePatience _patience;
    private readonly SegmentSender? _segments;
    private readonly ushort _genevePort;

    // What the present call has found out.
    private bool _doesBetterWithSingles;
    private bool _isTooLarge;
    private bool _standsStill;

    private ReturnSender(RawSocket? raw, PacketSocket? packet, UdpSocket receiveSocket, FullQueuePatience patience)
    {
        _patience = patience;
        _raw = raw;
        _packet = packet;
        _bound = raw is null ? new(BoundSocketsPerThread, receiveSocket) : null;
        _genevePort = (ushort)receiveSocket.EndPoint.Port;
        if (raw is null)
            return;
        _segments = new(raw, packet, patience, _genevePort);
        // Walked once now: the first full buffer must find nothing left to bind, which allocates, on a data thread.
        _ = SendErrors.ShouldRetry(raw.Handle, LinuxError.EAGAIN, out _);
    }

    /// <summary>Whether it sends through bound sockets, for want of CAP_NET_RAW.</summary>
    public bool UsesBoundSockets => _bound is not null;

    /// <summary>Whether it has a packet socket.</summary>
    public bool CanSendFrames => _packet is not null;

    /// <summary>Where the packets lie that are to be sent.</summary>
    public PacketSlab Packets => _batch.Packets;

    /// <summary>Opens the best sockets that there are.</summary>
    /// <param name="receiveSocket">Any of the receive sockets: its port is where the load balancer listens, too.</param>
    /// <param name="sendsFrames">Whether a packet socket is wanted.</param>
    /// <param name="patience">How long to wait for room; its own.</param>
    /// <exception cref="LinuxException">A raw socket could not be had for another reason than a missing capability.</exception>
    public static ReturnSender Open(UdpSocket receiveSocket, bool sendsFrames, FullQueuePatience patience)
    {
        var raw = RawSocket.TryOpen(SendBufferBytes, out var error);
        if (raw is null && error.Number is not (LinuxError.EPERM or LinuxError.EACCES))
            throw new LinuxException("open a raw socket", error);
        var packet = raw is null || !sendsFrames ? null : PacketSocket.TryOpenToSend(SendBufferBytes, out _);
        return new(raw, packet, receiveSocket, patience);
    }

    /// <summary>Sends them all, in order.</summary>
    /// <returns>False when packets that were to leave together have found no room so: each should leave by itself for a while.</returns>
    public bool TrySend(ReturnFrames frames)
    {
        _doesBetterWithSingles = _isTooLarge = _standsStill = false;
        for (var frame = 0; frame < frames.Count; frame++)
            AddMessage(frames, frames[frame]);
        if (_raw is null)
            SendThroughBoundSockets(frames);
        else
            SendInOrder(frames);
        _batch.ClearMessages();
        return !_doesBetterWithSingles;
    }

    public void Dispose()
    {
        _batch.Dispose();
        _packet?.Dispose();
        _raw?.Dispose();
        _bound?.Dispose();
    }

    // Message i is frame i.
    private void AddMessage(ReturnFrames frames, in ReturnFrames.Frame frame)
    {
        ref readonly var segment = ref frames.SegmentOf(frame.First);
        var front = segment.Headers;
        if (frame.Hop is { } hop)
        {
            front -= ReturnFrame.FrontLength;
            ReturnFrame.WriteFront(front, hop, frame.Path, _genevePort, frame.SegmentSize, frame.PayloadLength);
            _batch.BeginFrame(hop.InterfaceIndex, EtherType.Ipv4);
        }
        else
        {
            if (_segments is not null)
                front = _segments.WriteOuterHeader(frame, segment);
            _batch.Begin(frame.Path.LoadBalancerAddress, _genevePort);
        }

        _batch.Add(front, (int)(segment.Headers - front) + segment.HeadersLength);
        if (segment.RestLength != 0)
            _batch.Add(segment.Rest, segment.RestLength);
        for (var next = segment.Next; next >= 0;)
        {
            ref readonly var following = ref frames.SegmentOf(next);
            _batch.Add(following.Headers, following.HeadersLength);
            if (following.RestLength != 0)
                _batch.Add(following.Rest, following.RestLength);
            next = following.Next;
        }

        _batch.End();
    }

    // Runs of packets through the raw socket, and runs of frames through the packet socket. Of several messages the kernel tells only an error of the first: what must not be sent
    // again unless it is known how it was refused goes in a call of its own.
    private void SendInOrder(ReturnFrames frames)
    {
        for (var first = 0; first < frames.Count;)
        {
            var isFrame = frames[first].Hop is not null;
            var end = first + 1;
            if (!MayLeaveInPart(frames[first]))
            {
                while (end < frames.Count && frames[end].Hop is not null == isFrame && !MayLeaveInPart(frames[end]))
                    end++;
            }

            Send(frames, isFrame ? _packet!.Handle : _raw!.Handle, first, end);
            first = end;
        }
    }

    private void SendThroughBoundSockets(ReturnFrames frames)
    {
        for (var first = 0; first < frames.Count;)
        {
            // A run of packets that leave from the same address and port goes in one call.
            ref readonly var path = ref frames[first].Path;
            var end = first + 1;
            while (end < frames.Count && frames[end].Path.SourcePort == path.SourcePort && frames[end].Path.LocalAddress == path.LocalAddress)
                end++;
            var socket = _bound!.Get(path.LocalAddress, path.SourcePort);
            if (socket.IsError)
            {
                for (var i = first; i < end; i++)
                    frames.Drop(i, DropReason.SendNoSocket);
            }
            else
            {
                Send(frames, socket.Value, first, end);
            }

            first = end;
        }
    }

    private void Send(ReturnFrames frames, int socket, int first, int end)
    {
        var mayRetry = true;
        var refusals = 0;
        while (first < end)
        {
            var sent = _batch.Send(socket, first, end - first);
            if (!sent.IsError)
            {
                first += sent.Value;
                mayRetry = true;
                refusals = 0;
                _standsStill = false;
            }
            else if (sent.Errno == LinuxError.ENOBUFS && ShouldSendAgain(frames[first], ref refusals))
            {
                mayRetry = true;
            }
            else if (sent.Errno == LinuxError.ENOBUFS && MayNeverFit(frames[first]))
            {
                _segments!.SendAsFrames(frames, first++);
                refusals = 0;
            }
            else if (!mayRetry || !ShouldRetry(frames[first], socket, sent.Errno, out mayRetry))
            {
                // The error speaks of the first packet alone: the others go on.
                GiveUp(frames, first++, sent.Errno);
                mayRetry = true;
                refusals = 0;
            }
        }
    }

    // After an error that is not for want of room in the uplink's queue; waits for a full send buffer, but not again for one that does not empty.
    private bool ShouldRetry(in ReturnFrames.Frame frame, int socket, int errno, out bool mayRetry)
    {
        mayRetry = false;
        if (errno == LinuxError.EAGAIN ? _standsStill : frame.Hop is not null)
            return false;
        var shouldRetry = SendErrors.ShouldRetry(socket, errno, out mayRetry);
        _standsStill = errno == LinuxError.EAGAIN && !mayRetry;
        return shouldRetry;
    }

    // Of a frame for which the uplink's queue has no room; after a wait.
    private bool ShouldSendAgain(in ReturnFrames.Frame frame, ref int refusals)
    {
        if (frame.Hop is { SuperPackets: SuperPacketFate.LeavesInPart })
        {
            // What is sent again could be there twice, unless it is a single packet. As long as those find no room, no others are tried.
            _doesBetterWithSingles = true;
            return _patience.TryWait() && frame.Count == 1;
        }

        if (!MayNeverFit(frame))
            return _patience.TryWait();
        // Where one of them is too large, so may be the others.
        _isTooLarge |= ++refusals > RefusalsAtMost;
        _doesBetterWithSingles |= _isTooLarge;
        return !_isTooLarge && _patience.TryWait();
    }

    private static bool MayNeverFit(in ReturnFrames.Frame frame) => frame is { Count: > 1, Hop.SuperPackets: SuperPacketFate.MayNeverFit };

    private static bool MayLeaveInPart(in ReturnFrames.Frame frame) => frame is { Count: > 1, Hop.SuperPackets: SuperPacketFate.LeavesInPart };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void GiveUp(ReturnFrames frames, int index, int errno)
    {
        if (frames[index].Hop is not null && !SendErrors.IsForWantOfRoom(errno))
            _segments!.SendAsPackets(frames, index);
        else
            frames.Drop(index, SendErrors.ReasonOf(errno));
    }
}
