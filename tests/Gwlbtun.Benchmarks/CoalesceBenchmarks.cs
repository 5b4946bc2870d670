using BenchmarkDotNet.Attributes;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Offload;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Benchmarks;

/// <summary>Coalescing a batch of 64 packets, per packet: adding them, sealing every group and taking that back, as when it is written.</summary>
public unsafe class CoalesceBenchmarks
{
    private const int Batch = 64;
    private const int Front = 64;
    private const int Stride = 2048;

    private readonly Coalescer _coalescer = new(MergeKinds.All, Batch);
    private readonly IoVector[] _pieces = GC.AllocateArray<IoVector>(SuperPacket.MaximumSegments, pinned: true);
    private readonly byte[] _memory = GC.AllocateArray<byte>(Batch * Stride, pinned: true);
    private readonly InnerPacket[] _inner = new InnerPacket[Batch];
    private readonly ulong[] _flows = new ulong[Batch];

    [Params(4, 6)]
    public int IpVersion { get; set; }

    private MergeKinds Tcp => IpVersion == 4 ? MergeKinds.Tcp4 : MergeKinds.Tcp6;

    private MergeKinds Udp => IpVersion == 4 ? MergeKinds.Udp4 : MergeKinds.Udp6;

    [GlobalSetup(Target = nameof(UdpOf64Flows))]
    public void PrepareUdpOf64Flows() => Fill(Udp, 128, flows: 64);

    [GlobalSetup(Target = nameof(TcpOfOneFlow))]
    public void PrepareTcpOfOneFlow() => Fill(Tcp, 960, flows: 1);

    [GlobalSetup(Target = nameof(UdpPairs))]
    public void PrepareUdpPairs() => Fill(Udp, 512, flows: 32);

    /// <summary>Nothing can be merged.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public int UdpOf64Flows() => Coalesce();

    /// <summary>One super-packet, of 960 B segments so that 64 fit.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public int TcpOfOneFlow() => Coalesce();

    /// <summary>32 super-packets of two segments.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public int UdpPairs() => Coalesce();

    private void Fill(MergeKinds kind, int payload, int flows)
    {
        for (int i = 0; i < Batch; i++)
        {
            byte[] packet = IpPackets.Make(kind, payload, i % flows, i / flows);
            packet.CopyTo(_memory, (i * Stride) + Front);
            _inner[i] = IpPackets.Parse(packet);
            _flows[i] = (ulong)(i % flows);
        }

        if (Coalesce() != flows)
            throw new InvalidOperationException("The packets were not merged as meant.");
    }

    private int Coalesce()
    {
        fixed (byte* memory = _memory)
        fixed (IoVector* pieces = _pieces)
        {
            for (int i = 0; i < Batch; i++)
                _coalescer.Add(memory + (i * Stride) + Front, _inner[i], owner: 1, _flows[i]);
            int groups = _coalescer.GroupCount;
            for (int group = 0; group < groups; group++)
            {
                _coalescer.Seal(group, pieces);
                _coalescer.Unseal(group);
            }

            _coalescer.Clear();
            return groups;
        }
    }
}
