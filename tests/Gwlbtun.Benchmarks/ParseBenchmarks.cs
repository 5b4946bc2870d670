using BenchmarkDotNet.Attributes;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Benchmarks;

/// <summary>Reading the Geneve header and the packet behind it, as for every packet from the load balancer.</summary>
public class ParseBenchmarks
{
    private byte[] _datagram = null!;

    [Params(4, 6)]
    public int IpVersion { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        byte[] packet = IpPackets.Make(IpVersion == 4 ? MergeKinds.Tcp4 : MergeKinds.Tcp6, payload: 128);
        _datagram = [.. new byte[GwlbGeneveHeader.StandardLength], .. packet];
        GeneveWriter.WriteGwlbHeader(_datagram, IpVersion == 4 ? EtherType.Ipv4 : EtherType.Ipv6, eniId: 1, attachmentId: 2, flowCookie: 3);
    }

    [Benchmark]
    public DropReason Geneve() => GwlbGeneveHeader.TryParse(_datagram, out _);

    [Benchmark]
    public DropReason Inner() => InnerPacket.TryParse(_datagram.AsSpan(GwlbGeneveHeader.StandardLength), out _);

    [Benchmark]
    public DropReason Both()
    {
        DropReason reason = GwlbGeneveHeader.TryParse(_datagram, out GwlbGeneveHeader header);
        return reason != DropReason.None ? reason : InnerPacket.TryParse(_datagram.AsSpan(header.Length), out _);
    }
}
