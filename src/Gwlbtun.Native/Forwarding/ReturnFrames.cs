using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Uplink;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Forwarding;

/// <summary>
/// The packets of a batch that go back to the load balancer, put together to frames. What bears the same outer addresses and ports and is of one size leaves as the
/// segments of one frame, whichever flows it is of: each segment has the Geneve header of its own flow. So a driver's queue, a firewall and whoever
/// receives them are gone through once.
/// </summary>
/// <remarks>
/// Packets of a path keep their order: what cannot join the newest frame of its path begins another, and nothing joins an older one. Packets stay where they are; a frame is a
/// list of pieces. One thread uses it; nothing is allocated after construction.
/// </remarks>
internal sealed unsafe class ReturnFrames : IDisposable
{
    /// <summary>Segments of all frames together: as many packets does one send take.</summary>
    private const int Capacity = SendBatch.MessageCapacity;

    /// <summary>Room for the headers of one segment: what goes in front of the inner packet, and its own. Off the power of two: else blocks would share the same few cache sets.</summary>
    public const int HeaderStride = 1024 + 64;

    private readonly bool _joins;
    private readonly Segment[] _segments = new Segment[Capacity];
    private readonly Frame[] _frames = new Frame[Capacity];
    private readonly byte* _headers = (byte*)NativeMemory.AlignedAlloc(Capacity * HeaderStride, 64);

    // By path.
    private readonly NewestGroups _newest = new();
    private int _segmentCount;

    /// <param name="joins">Whether packets join others at all; else each begins a frame, and only the segments of a super-packet share one.</param>
    public ReturnFrames(bool joins) => _joins = joins;

    /// <summary>How many frames there are.</summary>
    public int Count { get; private set; }

    /// <summary>Whether so many segments more find room.</summary>
    public bool HasRoomFor(int segments) => _segmentCount + segments <= Capacity;

    /// <summary>
    /// Where the next segment's headers may be written when there is no room in front of its packet: behind so many bytes as <see cref="ReturnFrame.FrontLength"/>,
    /// which are free as well.
    /// </summary>
    public byte* NextHeaders => _headers + ((nint)_segmentCount * HeaderStride) + ReturnFrame.FrontLength;

    /// <summary>The frame that so many segments may join, as they all leave on the same path.</summary>
    /// <param name="path">The path.</param>
    /// <param name="segments">How many.</param>
    /// <param name="segmentSize">UDP payload bytes of each but the last.</param>
    /// <param name="payloadLength">UDP payload bytes of all.</param>
    /// <param name="frame">Which; undefined unless true.</param>
    /// <returns>False when there is none.</returns>
    public bool TryFind(in OuterPath path, int segments, int segmentSize, int payloadLength, out int frame)
    {
        frame = -1;
        if (!_joins)
            return false;
        ref var newest = ref _newest.Of(HashOf(path), out var isKnown);
        if (isKnown)
        {
            ref var found = ref _frames[newest];
            frame = newest;
            if (found.IsOpen
                && (segments == 1 ? segmentSize <= found.SegmentSize : segmentSize == found.SegmentSize)
                && found.Count + segments <= SuperPacket.MaximumSegments
                && found.PayloadLength + payloadLength <= ReturnFrame.MaximumSuperPayload
                && found.Path == path)
                return true;
        }

        // Whatever comes of it is the newest.
        newest = Count;
        return false;
    }

    /// <summary>Begins a frame. Of its path, nothing joins an earlier one.</summary>
    /// <param name="path">The path.</param>
    /// <param name="hop">Where it leaves; null: by the kernel's routes, alone.</param>
    /// <param name="segmentSize">UDP payload bytes of each segment but the last.</param>
    /// <returns>The frame's number.</returns>
    public int Begin(in OuterPath path, NextHop? hop, int segmentSize)
    {
        _frames[Count] = new() { Path = path, Hop = hop, SegmentSize = segmentSize, IsOpen = hop is { TakesSuperPackets: true }, First = _segmentCount };
        return Count++;
    }

    /// <summary>Adds a segment to a frame, which has room for it.</summary>
    /// <param name="frame">The frame's number.</param>
    /// <param name="headers">Its Geneve header and what follows in one piece; <see cref="ReturnFrame.FrontLength"/> bytes in front are free.</param>
    /// <param name="headersLength">The bytes of that.</param>
    /// <param name="rest">What follows elsewhere.</param>
    /// <param name="restLength">The bytes of that; 0 when all is in one piece.</param>
    /// <param name="counters">Where to count if it cannot be sent.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int frame, byte* headers, int headersLength, byte* rest, int restLength, CounterBlock* counters)
    {
        ref var joined = ref _frames[frame];
        if (joined.Count > 0)
            _segments[joined.Last].Next = _segmentCount;
        joined.Last = _segmentCount;
        joined.Count++;
        joined.PayloadLength += headersLength + restLength;
        joined.IsOpen &= headersLength + restLength == joined.SegmentSize;
        _segments[_segmentCount++] = new() { Headers = headers, HeadersLength = headersLength, Rest = rest, RestLength = restLength, Counters = counters, Next = -1 };
    }

    /// <summary>A frame.</summary>
    public ref readonly Frame this[int frame] => ref _frames[frame];

    /// <summary>A segment, by its number: <see cref="Frame.First"/>, or <see cref="Segment.Next"/> of another.</summary>
    public ref readonly Segment SegmentOf(int segment) => ref _segments[segment];

    /// <summary>Counts all packets of a frame as lost.</summary>
    public void Drop(int frame, DropReason reason)
    {
        var segment = _frames[frame].First;
        for (var left = _frames[frame].Count; left > 0; left--)
        {
            _segments[segment].Counters->Drop(reason);
            segment = _segments[segment].Next;
        }
    }

    /// <summary>Forgets them all.</summary>
    public void Clear()
    {
        Count = _segmentCount = 0;
        _newest.Forget();
    }

    public void Dispose() => NativeMemory.AlignedFree(_headers);

    private static ulong HashOf(in OuterPath path)
    {
        // The lowest bits are to differ where only the port does, and only a node's address.
        var addresses = (path.LoadBalancerAddress | (ulong)path.LocalAddress << 32) * 0x9E37_79B9_7F4A_7C15;
        return (addresses >> 32) ^ addresses ^ path.SourcePort;
    }

    /// <summary>Packets that leave together.</summary>
    public struct Frame
    {
        public OuterPath Path;

        /// <summary>Where they leave; null: by the kernel's routes.</summary>
        public NextHop? Hop;

        public int First;
        public int Last;
        public int Count;
        public int SegmentSize;
        public int PayloadLength;
        public bool IsOpen;
    }

    /// <summary>A packet, from its Geneve header on.</summary>
    public struct Segment
    {
        public byte* Headers;
        public byte* Rest;
        public CounterBlock* Counters;
        public int HeadersLength;
        public int RestLength;
        public int Next;

        /// <summary>UDP payload bytes.</summary>
        public readonly int PayloadLength => HeadersLength + RestLength;
    }
}
