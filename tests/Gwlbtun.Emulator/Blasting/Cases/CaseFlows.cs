using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>What of a stream the load balancer hashes to a flow of its own.</summary>
internal enum FlowPart
{
    /// <summary>Whole packets and first fragments: by 5-tuple, without ports by addresses and protocol.</summary>
    Whole,

    /// <summary>Later fragments, which have no ports.</summary>
    LaterFragments,

    /// <summary>ICMP errors of a router to the stream's source.</summary>
    Errors,
}

/// <summary>The load balancer's flow table for the streams, with the headers of old.</summary>
internal sealed class CaseFlows
{
    private static readonly uint[] _portSalts = [0, 12_289, 36_871];
    private const uint BackwardPortSalt = 24_593;
    private const uint ChangePortSalt = 769;

    private readonly CasePlan _plan;
    private readonly CaseOptions _cases;
    private readonly LoadBalancer _loadBalancer;

    // What is lost must not stop the other direction.
    private readonly long _replyWithoutAnswerMs;
    private readonly Flow[] _flows;

    // By conversation: how often its ports were changed.
    private readonly uint[] _changes;
    private readonly int[] _firstSlots;

    public CaseFlows(CasePlan plan, CaseOptions cases, int endpoints, LoadBalancer loadBalancer, TimeSpan patience)
    {
        _replyWithoutAnswerMs = (long)patience.TotalMilliseconds;
        (_plan, _cases, _loadBalancer) = (plan, cases, loadBalancer);
        int later = cases.FragmentSize is null ? 0 : plan.Streams;
        int errors = (cases.Errors & ErrorKinds.In) == 0 ? 0 : plan.Streams;
        _firstSlots = [0, plan.Streams, plan.Streams + later];
        _flows = new Flow[plan.Streams + later + errors];
        _changes = new uint[plan.Conversations];
        Headers = new HeaderLedger(loadBalancer.Cookies, _flows.Length);
        for (int slot = 0; slot < _flows.Length; slot++)
            _flows[slot] = NewFlow(slot, endpoints);
    }

    public HeaderLedger Headers { get; }

    public int SlotOf(int stream, FlowPart part) =>
        _firstSlots[(int)(part == FlowPart.LaterFragments && _plan.ProtocolOf(stream) == BlastProtocol.Icmp ? FlowPart.Whole : part)] + stream;

    public int StreamOf(int slot) => slot % _plan.Streams;

    public ref Flow this[int slot] => ref _flows[slot];

    /// <summary>Counts a packet that is to be sent, and opens its flow when need be.</summary>
    /// <returns>False when no target is in service.</returns>
    public bool TryAdmit(int slot, long number, long nowMs)
    {
        int stream = StreamOf(slot);
        int conversation = _plan.ConversationOf(stream);
        uint salt = _portSalts[(int)PartOf(slot)] + (_plan.IsBackward(stream) ? BackwardPortSalt : 0) + _changes[conversation] * ChangePortSalt;
        bool isAdmitted = _loadBalancer.TryAdmit(ref _flows[slot], TrafficPlan.HashOf(conversation), mayOpen: true, nowMs, salt);
        if (Headers.IsBehind)
            Headers.Enter(slot, _flows[slot], number);
        return isAdmitted;
    }

    /// <summary>Ends all flows of a conversation: from this number on their packets have new headers.</summary>
    public void Change(int conversation, long number)
    {
        if (_cases.ChurnPorts)
            _changes[conversation]++;
        for (int slot = conversation; slot < _flows.Length; slot += _plan.Conversations)
        {
            ref Flow flow = ref _flows[slot];
            if (_cases.ChurnPorts)
                flow.Node = NodeOf(slot);
            if (!flow.IsOpen)
                continue;
            _loadBalancer.Close(ref flow);
            Headers.End(slot, number);
        }
    }

    /// <summary>
    /// Whether anything may go from the destination to the source: a reply comes after what it answers has passed the appliance, which
    /// knows that direction's header by then.
    /// </summary>
    public bool MayGoBack(int conversation, long nowMs)
    {
        int slot = SlotOf(conversation, FlowPart.Whole);
        return _flows[slot].IsOpen && (_flows[slot].IsAnswered || nowMs - _flows[slot].OpenedMs > _replyWithoutAnswerMs);
    }

    public void Sweep(long nowMs)
    {
        foreach (ref Flow flow in _flows.AsSpan())
            _loadBalancer.Expire(ref flow, nowMs);
    }

    private FlowPart PartOf(int slot) => slot >= _firstSlots[2] ? FlowPart.Errors : slot >= _firstSlots[1] ? FlowPart.LaterFragments : FlowPart.Whole;

    private Flow NewFlow(int slot, int endpoints)
    {
        int stream = StreamOf(slot);
        return new Flow
        {
            Endpoint = (ushort)(_plan.ConversationOf(stream) % endpoints),
            ProtocolType = _plan.IsIpv6(stream) ? EtherType.Ipv6 : EtherType.Ipv4,
            Node = NodeOf(slot),
            Kind = (PartOf(slot), _plan.ProtocolOf(stream)) switch
            {
                (FlowPart.Errors, _) => FlowKind.Other,
                (_, BlastProtocol.Tcp) => FlowKind.Tcp,
                (_, BlastProtocol.Udp) => FlowKind.Udp,
                _ => FlowKind.Other,
            },
        };
    }

    private ushort NodeOf(int slot)
    {
        int stream = StreamOf(slot);
        int conversation = _plan.ConversationOf(stream);
        return (ushort)((conversation + (_plan.IsBackward(stream) ? 1 : 0) + (int)PartOf(slot) + _changes[conversation]) % _loadBalancer.Nodes);
    }
}
