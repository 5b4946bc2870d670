using BenchmarkDotNet.Attributes;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;

namespace Gwlbtun.Benchmarks;

/// <summary>Taking a super-packet of as many segments as fit apart, per segment: headers and checksums, the payload stays where it is.</summary>
public class SegmentBenchmarks
{
    // What fits at 1400 B.
    private const int Segments = 46;
    private const int HeaderRoom = 64;

    private readonly byte[] _headers = new byte[HeaderRoom];
    private byte[] _packet = null!;
    private VirtioNetHeader _virtio;

    [Params(4, 6)]
    public int IpVersion { get; set; }

    [GlobalSetup(Target = nameof(TcpOf1400))]
    public void PrepareTcp() => Fill(IpVersion == 4 ? MergeKinds.Tcp4 : MergeKinds.Tcp6, IpVersion == 4 ? VirtioNetHeader.GsoTcp4 : VirtioNetHeader.GsoTcp6, 1400);

    [GlobalSetup(Target = nameof(UdpOf128))]
    public void PrepareUdp() => Fill(IpVersion == 4 ? MergeKinds.Udp4 : MergeKinds.Udp6, VirtioNetHeader.GsoUdp, 128);

    [Benchmark(OperationsPerInvoke = Segments)]
    public int TcpOf1400() => Segment();

    [Benchmark(OperationsPerInvoke = Segments)]
    public int UdpOf128() => Segment();

    private void Fill(MergeKinds kind, byte gsoType, int segmentSize)
    {
        _packet = IpPackets.Make(kind, Segments * segmentSize);
        _virtio = new VirtioNetHeader { Flags = VirtioNetHeader.NeedsChecksum, GsoType = gsoType, GsoSize = (ushort)segmentSize };
        if (Segment() != Segments)
            throw new InvalidOperationException("The packet is not one that would be segmented so.");
    }

    private int Segment()
    {
        if (!Segmenter.TryCreate(_virtio, _packet, IpPackets.Parse(_packet), out Segmenter segments))
            return 0;
        for (int i = 0; i < segments.Count; i++)
            segments.WriteHeaders(i, _headers);
        return segments.Count;
    }
}
