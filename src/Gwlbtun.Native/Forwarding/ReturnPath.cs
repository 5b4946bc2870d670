using System.Runtime.CompilerServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// The way back to the load balancer: encapsulates packets in place and sends them in batches, through a raw socket, or
/// without CAP_NET_RAW through UDP sockets bound to the flows' source ports. One tunnel thread uses it.
/// </summary>
internal sealed unsafe class ReturnPath : IDisposable
{
    private const int SendBufferBytes = 16 << 20;
    private const int BoundSocketsPerThread = 1024;

    // A full send buffer empties within microseconds unless the link stands still: this long we wait for it, in milliseconds.
    private const int FullBufferWaitMs = 20;

    private readonly SendBatch _batch = new();
    private readonly CounterBlock*[] _counters;
    private readonly OuterPath[] _paths;
    private readonly RawSocket? _raw;
    private readonly BoundSockets? _bound;
    private readonly ushort _genevePort;

    private ReturnPath(RawSocket? raw, UdpSocket receiveSocket)
    {
        _raw = raw;
        _bound = raw is null ? new(BoundSocketsPerThread, receiveSocket) : null;
        _genevePort = (ushort)receiveSocket.EndPoint.Port;
        // Walked once now: the first full buffer must find nothing left to bind, which allocates, on a data thread.
        if (raw is not null)
            _ = ShouldRetry(raw.Handle, LinuxError.EAGAIN);
        _counters = new CounterBlock*[SendBatch.MessageCapacity];
        _paths = new OuterPath[SendBatch.MessageCapacity];
    }

    /// <summary>Whether it sends through bound sockets, for want of CAP_NET_RAW.</summary>
    public bool UsesBoundSockets => _bound is not null;

    /// <summary>Opens the best way that there is.</summary>
    /// <param name="receiveSocket">Any of the receive sockets: its port is where the load balancer listens, too.</param>
    /// <exception cref="LinuxException">A raw socket could not be had for another reason than a missing capability.</exception>
    public static ReturnPath Open(UdpSocket receiveSocket)
    {
        var raw = RawSocket.TryOpen(SendBufferBytes, out var error);
        if (raw is null && error.Number is not (LinuxError.EPERM or LinuxError.EACCES))
            throw new LinuxException("open a raw socket", error);
        return new(raw, receiveSocket);
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
        var outer = packet - geneveHeader.Length - OuterLength;
        if (TryBegin(new Span<byte>(outer, OuterLength + geneveHeader.Length), geneveHeader, geneveHeader.Length + length, path, counters))
            _batch.Append(outer, OuterLength + geneveHeader.Length + length, path.LoadBalancerAddress, _genevePort);
    }

    /// <summary>The same for each segment of a super-packet that was kept.</summary>
    /// <param name="packet">The super-packet.</param>
    /// <param name="segments">What it is made of.</param>
    /// <param name="geneveHeader">The flow's Geneve header, echoed whole.</param>
    /// <param name="path">The flow's outer addresses, as received.</param>
    /// <param name="counters">Where to count if it cannot be sent.</param>
    public void Append(byte* packet, in Segmenter segments, ReadOnlySpan<byte> geneveHeader, in OuterPath path, CounterBlock* counters)
    {
        var front = OuterLength + geneveHeader.Length;
        var headersLength = front + segments.HeaderLength;
        for (var i = 0; i < segments.Count; i++)
        {
            var headers = _batch.NextHeaders;
            var payload = segments.PayloadOf(i);
            if (!TryBegin(new Span<byte>(headers, front), geneveHeader, geneveHeader.Length + segments.HeaderLength + payload.Length, path, counters))
                continue;
            segments.WriteHeaders(i, new Span<byte>(headers + front, segments.HeaderLength));
            _batch.Append(headers, headersLength, packet + segments.HeaderLength + (i * segments.SegmentSize), payload.Length, path.LoadBalancerAddress, _genevePort);
        }
    }

    // What is written in front of the Geneve header.
    private int OuterLength => _raw is null ? 0 : OuterHeader.Length;

    private bool TryBegin(Span<byte> front, ReadOnlySpan<byte> geneveHeader, int payloadLength, in OuterPath path, CounterBlock* counters)
    {
        if (payloadLength > ushort.MaxValue - OuterHeader.Length)
        {
            counters->Drop(DropReason.SendTooBig);
            return false;
        }

        if (_batch.HasAllMessages)
            SendQueued();
        // Addresses swapped, ports kept.
        if (_raw is not null)
            OuterHeader.Write(front, path.LocalAddress, path.LoadBalancerAddress, path.SourcePort, _genevePort, payloadLength);
        geneveHeader.CopyTo(front[OuterLength..]);
        _counters[_batch.Count] = counters;
        _paths[_batch.Count] = path;
        return true;
    }

    /// <summary>Sends what is queued, and lets go of what was kept.</summary>
    public void Flush()
    {
        if (_batch.Count != 0)
            SendQueued();
        _batch.Clear();
    }

    private void SendQueued()
    {
        if (_raw is not null)
            Send(_raw.Handle, 0, _batch.Count);
        else
            SendThroughBoundSockets();
        _batch.ClearMessages();
    }

    /// <summary>Counts what is queued as lost: its thread ends without sending it.</summary>
    public void CountAbandoned()
    {
        for (var i = 0; i < _batch.Count; i++)
            _counters[i]->Drop(DropReason.ThreadDied);
        _batch.Clear();
    }

    public void Dispose()
    {
        _batch.Dispose();
        _raw?.Dispose();
        _bound?.Dispose();
    }

    private void SendThroughBoundSockets()
    {
        for (var first = 0; first < _batch.Count;)
        {
            // A run of packets that leave from the same address and port goes in one call.
            ref readonly var path = ref _paths[first];
            var end = first + 1;
            while (end < _batch.Count && _paths[end].SourcePort == path.SourcePort && _paths[end].LocalAddress == path.LocalAddress)
                end++;
            var socket = _bound!.Get(path.LocalAddress, path.SourcePort);
            if (socket.IsError)
            {
                for (var i = first; i < end; i++)
                    _counters[i]->Drop(DropReason.SendNoSocket);
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
            else if (!mayRetry || !ShouldRetry(socket, sent.Errno))
            {
                // The error speaks of the first packet alone: the others go on.
                CountFailure(first++, sent.Errno);
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
    private void CountFailure(int index, int errno) => _counters[index]->Drop(errno switch
    {
        LinuxError.EMSGSIZE => DropReason.SendTooBig,
        LinuxError.ENOBUFS or LinuxError.EAGAIN => DropReason.SendQueueFull,
        _ => DropReason.SendFailed,
    });
}
