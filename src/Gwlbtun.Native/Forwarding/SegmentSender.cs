using System.Runtime.CompilerServices;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>Sends the segments of a frame one by one, where the frame itself was refused. What cannot be sent is counted. One tunnel thread uses it.</summary>
/// <param name="raw">By the kernel's routes.</param>
/// <param name="packet">Through an interface; null: there are no frames.</param>
/// <param name="patience">How long to wait for room.</param>
/// <param name="genevePort">Where the load balancer listens.</param>
internal sealed unsafe class SegmentSender(RawSocket raw, PacketSocket? packet, FullQueuePatience patience, ushort genevePort)
{
    /// <summary>Each as a frame of its own, where the frame found no room; by the kernel's routes if the interface has gone meanwhile.</summary>
    public void SendAsFrames(ReturnFrames frames, int index) => Send(frames, index, asFrames: true);

    /// <summary>Each where the kernel's routes lead now: the interface of the frame has gone, or takes none after all.</summary>
    public void SendAsPackets(ReturnFrames frames, int index) => Send(frames, index, asFrames: false);

    /// <summary>Writes the outer headers of a packet that goes by itself in front of it. Addresses swapped, ports kept.</summary>
    /// <returns>Where they begin.</returns>
    public byte* WriteOuterHeader(in ReturnFrames.Frame frame, in ReturnFrames.Segment segment)
    {
        var outer = segment.Headers - OuterHeader.Length;
        OuterHeader.Write(new(outer, OuterHeader.Length), frame.Path.LocalAddress, frame.Path.LoadBalancerAddress, frame.Path.SourcePort, genevePort, segment.PayloadLength);
        return outer;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Send(ReturnFrames frames, int index, bool asFrames)
    {
        ref readonly var frame = ref frames[index];
        var errno = 0;
        for (var next = frame.First; next >= 0; next = frames.SegmentOf(next).Next)
        {
            ref readonly var segment = ref frames.SegmentOf(next);
            // Where one has found no room, the others would wait for it in turn.
            if (!SendErrors.IsForWantOfRoom(errno))
            {
                errno = asFrames ? SendAsFrame(frame, segment) : SendAsPacket(frame, segment);
                if (asFrames && errno != 0 && !SendErrors.IsForWantOfRoom(errno))
                    errno = SendAsPacket(frame, segment);
            }

            if (errno != 0)
                segment.Counters->Drop(SendErrors.ReasonOf(errno));
        }
    }

    private int SendAsFrame(in ReturnFrames.Frame frame, in ReturnFrames.Segment segment)
    {
        var front = segment.Headers - ReturnFrame.FrontLength;
        ReturnFrame.WriteFront(front, frame.Hop!, frame.Path, genevePort, segment.PayloadLength, segment.PayloadLength);
        return SendAlone(segment, front, frame.Hop!.InterfaceIndex, frame.Path.LoadBalancerAddress);
    }

    private int SendAsPacket(in ReturnFrames.Frame frame, in ReturnFrames.Segment segment) =>
        SendAlone(segment, WriteOuterHeader(frame, segment), interfaceIndex: 0, frame.Path.LoadBalancerAddress);

    // Through an interface, or by the kernel's routes. Answers why it has not left; 0: it has.
    private int SendAlone(in ReturnFrames.Segment segment, byte* front, int interfaceIndex, uint destination)
    {
        var pieces = stackalloc IoVector[2];
        pieces[0] = new() { Base = front, Length = (nuint)(segment.Headers - front + segment.HeadersLength) };
        pieces[1] = new() { Base = segment.Rest, Length = (nuint)segment.RestLength };
        var socket = interfaceIndex != 0 ? packet!.Handle : raw.Handle;
        for (var mayRetry = true; ;)
        {
            var sent = interfaceIndex != 0
                ? SendBatch.SendFrameAlone(socket, pieces, 2, interfaceIndex, EtherType.Ipv4)
                : SendBatch.SendAlone(socket, pieces, 2, destination);
            if (!sent.IsError)
                return 0;
            if (sent.Errno == LinuxError.ENOBUFS ? !patience.TryWait() : !mayRetry || !SendErrors.ShouldRetry(socket, sent.Errno, out _))
                return sent.Errno;
            mayRetry = sent.Errno == LinuxError.ENOBUFS;
        }
    }
}
