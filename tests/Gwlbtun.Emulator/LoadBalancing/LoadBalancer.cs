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

    private readonly LoadBalancerOptions _options;
    private readonly uint[] _nodes;

    public LoadBalancer(LoadBalancerOptions options)
    {
        _options = options;
        _nodes = [.. options.Nodes.Select(address => BitConverter.ToUInt32(address.GetAddressBytes()))];
        TargetGroup = new TargetGroup(options);
        Cookies = new CookieMint(options.Seed);
    }

    public TargetGroup TargetGroup { get; }

    public IReadOnlyList<Target> Targets => TargetGroup.Targets;

    public CookieMint Cookies { get; }

    /// <summary>How many outer addresses it has.</summary>
    public int Nodes => _nodes.Length;

    public Judgements Judgements { get; } = new();

    public LoadBalancerMetrics Metrics { get; } = new();

    /// <summary>
    /// Counts one more packet to be sent on a flow, opens the flow when it is new or has been idle too long, and moves it when its target gives it up.
    /// </summary>
    /// <param name="flow">The flow; its endpoint, node, protocol type and kind are set.</param>
    /// <param name="hash">Of what the flow is known by: chooses target and source port.</param>
    /// <param name="mayOpen">False for TCP without SYN: it cannot open a flow.</param>
    /// <param name="nowMs">Milliseconds.</param>
    /// <param name="portSalt">Gives a flow of the same hash, and so the same target, another source port.</param>
    /// <returns>False when the packet is to be dropped: it may not open a flow, or no target is in service.</returns>
    public bool TryAdmit(ref Flow flow, uint hash, bool mayOpen, long nowMs, uint portSalt = 0)
    {
        if (!Expire(ref flow, nowMs))
        {
            flow.LastMs = nowMs;
            if (TargetGroup.GivesUpFlows(flow.Target, nowMs))
                Move(ref flow, hash, nowMs);
            return true;
        }

        if (!mayOpen)
        {
            Metrics.NoFlowForData++;
            return false;
        }

        int target = TargetGroup.Pick(hash);
        if (target < 0)
        {
            Metrics.NoHealthyTarget++;
            return false;
        }

        flow.Target = (ushort)target;
        flow.Cookie = Cookies.Next();
        flow.SourcePort = SourcePort(hash + portSalt);
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
        Close(ref flow);
        return true;
    }

    /// <summary>Ends an open flow: its next packet opens another one, with a new cookie.</summary>
    public void Close(ref Flow flow)
    {
        flow.IsOpen = false;
        Metrics.ActiveFlowCount--;
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
        target = TargetGroup[flow.Target].NetworkOrder;
        OuterHeader.Write(headers, _nodes[flow.Node], target, flow.SourcePort, (ushort)_options.Port, GwlbGeneveHeader.StandardLength + length);
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
        if (!TargetGroup.Contains(datagram.SourceAddress) || Array.IndexOf(_nodes, datagram.DestinationAddress) < 0)
            return Judgement.PacketsDroppedCount_InvalidGeneveTunnel;
        if (!GeneveView.TryParse(new ReadOnlySpan<byte>(datagram.Payload, datagram.Length), out geneve))
            return Judgement.BadGeneveHeader;
        ulong index = geneve.Endpoint - _options.EndpointBase ?? ulong.MaxValue;
        if (index >= (ulong)_options.Endpoints)
            return Judgement.PacketsDroppedCount_InvalidGwlbEndpointId;
        endpoint = (ushort)index;
        return Judgement.Accepted;
    }

    /// <summary>The same, and whether it carries one IP packet.</summary>
    /// <param name="datagram">What came back.</param>
    /// <param name="geneve">Its Geneve header.</param>
    /// <param name="endpoint">The index of its endpoint.</param>
    /// <param name="packet">The packet.</param>
    /// <param name="inner">The same, read.</param>
    public Judgement JudgePacket(in ReceivedDatagram datagram, out GeneveView geneve, out ushort endpoint, out ReadOnlySpan<byte> packet, out InnerView inner)
    {
        packet = default;
        inner = default;
        Judgement tunnel = JudgeTunnel(datagram, out geneve, out endpoint);
        if (tunnel != Judgement.Accepted)
            return tunnel;
        packet = new(datagram.Payload + geneve.Length, datagram.Length - geneve.Length);
        return InnerView.TryParse(packet, out inner) && inner.Length == packet.Length ? Judgement.Accepted : Judgement.BadInnerBytes;
    }

    /// <summary>Judges whether a returned packet belongs to the flow that its inner packet names.</summary>
    public Judgement JudgeFlow(in ReceivedDatagram datagram, in GeneveView geneve, ref Flow flow, long nowMs)
    {
        if (IsGone(ref flow, nowMs))
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        Judgement header = JudgeHeader(datagram, geneve, flow);
        if (header == Judgement.Accepted)
            NoteAnswer(ref flow, datagram.Length - geneve.Length, nowMs);
        return header;
    }

    /// <summary>Whether nothing of the flow is taken back any more: it was idle, or unanswered, too long.</summary>
    public bool IsGone(ref Flow flow, long nowMs) => Expire(ref flow, nowMs) || (!flow.IsAnswered && nowMs - flow.OpenedMs > AnswerWithinMs);

    /// <summary>Judges whether a returned packet has the outer and the Geneve header of a flow, whatever became of that since.</summary>
    public Judgement JudgeHeader(in ReceivedDatagram datagram, in GeneveView geneve, in Flow flow)
    {
        if (datagram.SourceAddress != TargetGroup[flow.Target].NetworkOrder || datagram.DestinationAddress != _nodes[flow.Node] || datagram.SourcePort != flow.SourcePort)
            return Judgement.PacketsDroppedCount_InvalidGeneveTunnel;
        if (geneve.Cookie != flow.Cookie)
            return Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie;

        Span<byte> expected = stackalloc byte[GwlbGeneveHeader.StandardLength];
        WriteGeneve(expected, flow);
        return expected.SequenceEqual(new ReadOnlySpan<byte>(datagram.Payload, geneve.Length)) ? Judgement.Accepted : Judgement.BadGeneveHeader;
    }

    /// <summary>Notes that the target has returned a packet of the flow, of so many bytes.</summary>
    public void NoteAnswer(ref Flow flow, int bytes, long nowMs)
    {
        flow.IsAnswered = true;
        flow.LastMs = nowMs;
        Metrics.ProcessedBytes += bytes;
    }

    // Nothing says whether the flow keeps its cookie then. With another one it is seen which of the two a packet comes back with.
    private void Move(ref Flow flow, uint hash, long nowMs)
    {
        int target = TargetGroup.Pick(hash);
        if (target < 0 || target == flow.Target)
            return;
        flow.Target = (ushort)target;
        flow.Cookie = Cookies.Next();
        flow.IsAnswered = false;
        flow.OpenedMs = nowMs;
        Metrics.RebalancedFlowCount++;
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
}
