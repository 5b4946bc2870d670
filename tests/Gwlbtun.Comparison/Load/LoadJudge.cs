using Gwlbtun.Comparison.Cases;

namespace Gwlbtun.Comparison.Load;

/// <summary>What a returned datagram turned out to be.</summary>
internal enum LoadVerdict
{
    Good,

    /// <summary>Not the Geneve header that its flow was sent with: endpoint, attachment, cookie.</summary>
    WrongHeader,

    /// <summary>Not the outer source port of its flow.</summary>
    WrongPort,

    /// <summary>A byte, checksum or length of the inner packet differs.</summary>
    WrongBytes,

    /// <summary>A later packet of the same flow, or the same one, came before.</summary>
    OutOfOrder,
}

/// <summary>Compares each returned datagram with what was sent, byte for byte; but for the hop limit, which a router lowers.</summary>
internal sealed class LoadJudge(BenchmarkCase load, LoadPackets packets)
{
    private readonly bool _isReply = load.Kind == CaseKind.Nat;
    private readonly uint[] _next = new uint[load.Flows];
    private readonly byte[] _expected = new byte[packets.HeadLength];
    private readonly long[] _counts = new long[Enum.GetValues<LoadVerdict>().Length];

    /// <summary>How many there were of each.</summary>
    public long this[LoadVerdict verdict] => _counts[(int)verdict];

    public long Wrong => _counts.Sum() - this[LoadVerdict.Good];

    /// <summary>Judges and counts a datagram.</summary>
    /// <param name="datagram">From the Geneve header on.</param>
    /// <param name="sourcePort">The outer source port.</param>
    /// <param name="sentAt">What its stamp says; 0 unless it is good.</param>
    public LoadVerdict Judge(ReadOnlySpan<byte> datagram, ushort sourcePort, out long sentAt)
    {
        LoadVerdict verdict = Compare(datagram, sourcePort, out sentAt);
        _counts[(int)verdict]++;
        return verdict;
    }

    /// <summary>Forgets the counts, but not the places in the flows.</summary>
    public void Reset() => Array.Clear(_counts);

    private LoadVerdict Compare(ReadOnlySpan<byte> datagram, ushort sourcePort, out long sentAt)
    {
        sentAt = 0;
        if (datagram.Length < packets.HeadLength)
            return LoadVerdict.WrongBytes;
        (int flow, uint sequence, long stamp) = packets.ReadStamp(datagram);
        if ((uint)flow >= (uint)_next.Length || datagram.Length != packets.LengthOf(flow, sequence))
            return LoadVerdict.WrongBytes;
        byte hopLimit = datagram[packets.HopLimitOffset];
        if (hopLimit is 0 or > LoadPackets.HopLimit)
            return LoadVerdict.WrongBytes;

        packets.WriteHead(_expected, flow, sequence, stamp, hopLimit, _isReply);
        if (!datagram[..LoadPackets.GeneveLength].SequenceEqual(_expected.AsSpan(0, LoadPackets.GeneveLength)))
            return LoadVerdict.WrongHeader;
        if (sourcePort != LoadSender.SourcePortOf(flow))
            return LoadVerdict.WrongPort;
        if (!datagram[..packets.HeadLength].SequenceEqual(_expected) || !datagram[packets.HeadLength..].SequenceEqual(packets.NoiseOf(datagram.Length)))
            return LoadVerdict.WrongBytes;
        if (sequence < _next[flow])
            return LoadVerdict.OutOfOrder;
        _next[flow] = sequence + 1;
        sentAt = stamp;
        return LoadVerdict.Good;
    }
}
