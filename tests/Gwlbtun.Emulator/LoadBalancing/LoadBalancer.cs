using Gwlbtun.Emulator.Judging;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>
/// The load balancer's rules: which target a flow sticks to, its cookie and source port, how long it lives, and what is taken back. Where
/// flows are kept, and how one is found, is the mode's business. One thread uses it.
/// </summary>
internal sealed unsafe class LoadBalancer
{
    /// <summary>The target must return something of a flow within this time (AWS, "Gateway Load Balancers", troubleshooting).</summary>
    private const long AnswerWithinMs = 30_000;

    private const int FirstSourcePort = 1024;

    private readonly Target[] _targets;
    private readonly LoadBalancerOptions _options;
    private readonly uint _local;
    private ulong _random;

    public LoadBalancer(LoadBalancerOptions options)
    {
        _options = options;
        _local = BitConverter.ToUInt32(options.Local.GetAddressBytes());
        _targets = [.. options.Appliances.Select(address => new Target(address))];
        _random = options.Seed;
    }

    public IReadOnlyList<Target> Targets => _targets;

    public Judgements Judgements { get; } = new();

    public LoadBalancerMetrics Metrics { get; } = new();

    /// <summary>Counts one more packet to be sent on a flow, and opens the flow when it is new or has been idle too long.</summary>
    /// <param name="flow">The flow; its endpoint, protocol type and kind are set.</param>
    /// <param name="hash">Of what the flow is known by: chooses target and source port.</param>
    /// <param name="mayOpen">False for TCP without SYN: it cannot open a flow.</param>
    /// <param name="nowMs">Milliseconds.</param>
    /// <returns>False when the packet is to be dropped: it may not open a flow, or no target is in service.</returns>
    public bool TryAdmit(ref Flow flow, uint hash, bool mayOpen, long nowMs)
    {
        if (!Expire(ref flow, nowMs))
        {
            flow.LastMs = nowMs;
            return true;
        }

        if (!mayOpen)
        {
            Metrics.NoFlowForData++;
            return false;
        }

        int target = Pick(hash);
        if (target < 0)
        {
            Metrics.NoHealthyTarget++;
            return false;
        }

        flow.Target = (ushort)target;
        flow.Cookie = NextCookie();
        flow.SourcePort = SourcePort(hash);
        flow.IsOpen = true;
        flow.IsAnswered = false;
        flow.OpenedMs = flow.LastMs = nowMs;
        Metrics.Opened();
        return true;
    }

    /// <summary>Closes a flow that has been idle too long.</summary>
    /// <returns>Whether the flow is closed now.</returns>
    public bool Expire(ref Flow flow, long nowMs)
    {
        if (!flow.IsOpen)
            return true;
        TimeSpan idle = flow.Kind == FlowKind.Tcp ? _options.TcpIdle : _options.OtherIdle;
        if (nowMs - flow.LastMs <= (long)idle.TotalMilliseconds)
            return false;
        flow.IsOpen = false;
        Metrics.ActiveFlowCount--;
        return true;
    }

    /// <summary>Writes outer, UDP and Geneve headers in front of an inner packet.</summary>
    /// <param name="packet">The inner packet, with room in front of it.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="flow">Its flow, admitted.</param>
    /// <param name="target">Where it is to go.</param>
    /// <returns>How many bytes stand in front of the packet now.</returns>
    public int Encapsulate(byte* packet, int length, in Flow flow, out uint target)
    {
        const int Headers = OuterHeader.Length + GwlbGeneveHeader.StandardLength;
        Span<byte> headers = new(packet - Headers, Headers);
        target = _targets[flow.Target].NetworkOrder;
        OuterHeader.Write(headers, _local, target, flow.SourcePort, (ushort)_options.Port, GwlbGeneveHeader.StandardLength + length);
        WriteGeneve(headers[OuterHeader.Length..], flow);
        Metrics.ProcessedBytes += length;
        return Headers;
    }

    /// <summary>Judges what can be judged before the flow is known.</summary>
    /// <param name="datagram">What came back.</param>
    /// <param name="geneve">Its Geneve header.</param>
    /// <param name="endpoint">The index of its endpoint.</param>
    public Judgement JudgeTunnel(in ReceivedDatagram datagram, out GeneveView geneve, out ushort endpoint)
    {
        geneve = default;
        endpoint = 0;
        if (datagram.WasFragmented || datagram.WasTruncated)
            return Judgement.BadOuter;
        if (!IsTarget(datagram.SourceAddress) || datagram.DestinationAddress != _local)
            return Judgement.PacketsDroppedCount_InvalidGeneveTunnel;
        if (!GeneveView.TryParse(new ReadOnlySpan<byte>(datagram.Payload, datagram.Length), out geneve))
            return Judgement.BadGeneveHeader;
        ulong index = geneve.Endpoint - _options.EndpointBase ?? ulong.MaxValue;
        if (index >= (ulong)_options.Endpoints)
            return Judgement.PacketsDroppedCount_InvalidGwlbEndpointId;
        endpoint = (ushort)index;
        return Judgement.Accepted;
    }

    /// <summary>Judges whether a returned packet belongs to the flow that its inner packet names.</summary>
    public Judgement JudgeFlow(in ReceivedDatagram datagram, in GeneveView geneve, ref Flow flow, long nowMs)
    {
        if (Expire(ref flow, nowMs) || (!flow.IsAnswered && nowMs - flow.OpenedMs > AnswerWithinMs))
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        if (datagram.SourceAddress != _targets[flow.Target].NetworkOrder || datagram.SourcePort != flow.SourcePort)
            return Judgement.PacketsDroppedCount_InvalidGeneveTunnel;
        if (geneve.Cookie != flow.Cookie)
            return Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie;

        Span<byte> expected = stackalloc byte[GwlbGeneveHeader.StandardLength];
        WriteGeneve(expected, flow);
        if (!expected.SequenceEqual(new ReadOnlySpan<byte>(datagram.Payload, geneve.Length)))
            return Judgement.BadGeneveHeader;

        flow.IsAnswered = true;
        flow.LastMs = nowMs;
        Metrics.ProcessedBytes += datagram.Length - geneve.Length;
        return Judgement.Accepted;
    }

    /// <summary>Whether an address, as it stands in memory, is a target's.</summary>
    public bool IsTarget(uint address)
    {
        foreach (Target target in _targets)
        {
            if (target.NetworkOrder == address)
                return true;
        }

        return false;
    }

    private int Pick(uint hash)
    {
        int healthy = 0;
        foreach (Target target in _targets)
            healthy += target.IsHealthy ? 1 : 0;
        if (healthy == 0)
            return _options.FailOpen ? (int)(hash % (uint)_targets.Length) : -1;

        int chosen = (int)(hash % (uint)healthy);
        for (int i = 0; i < _targets.Length; i++)
        {
            if (_targets[i].IsHealthy && chosen-- == 0)
                return i;
        }

        return -1; // one turned unhealthy meanwhile
    }

    // AWS sends zero attachment IDs so far. Unless asked to, here each flow has its own, so that a header returned with the wrong flow is seen by more than its cookie.
    private void WriteGeneve(Span<byte> destination, in Flow flow) =>
        GeneveWriter.WriteGwlbHeader(destination, flow.ProtocolType, _options.EndpointBase + flow.Endpoint, _options.ZeroAttachmentId ? 0 : AttachmentId(flow), flow.Cookie);

    private static ulong AttachmentId(in Flow flow) => 0xA77A_0000_0000_0000 | (ulong)flow.SourcePort << 32 | ~flow.Cookie;

    private ushort SourcePort(uint hash)
    {
        int port = FirstSourcePort + (int)(hash % (uint)(ushort.MaxValue - FirstSourcePort));
        // The one port left out of the range stands in for the Geneve port itself.
        return (ushort)(port == _options.Port ? ushort.MaxValue : port);
    }

    private uint NextCookie()
    {
        // splitmix64
        ulong z = _random += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return (uint)(z >> 32);
    }
}
