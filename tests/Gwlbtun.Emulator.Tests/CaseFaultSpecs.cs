using System.Buffers.Binary;
using System.Net;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Blasting.Cases;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

/// <summary>Appliances that are wrong in one packet: each kind of fault fails the run, under its name.</summary>
public class CaseFaultSpecs
{
    private const int Inner = Reply.InnerOffset;
    private const string WrongCookie = nameof(Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie);

    // In a few cases some stay away for good.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(4);

    private static readonly CaseOptions _fragments = new() { FragmentSize = 600 };
    private static readonly CaseOptions _directions = new() { Asymmetric = true };
    private static readonly CaseOptions _churn = new() { ChurnEvery = 4 };
    private static readonly CaseOptions _errorsIn = new() { Errors = ErrorKinds.In };
    private static readonly CaseOptions _originated = new() { Errors = ErrorKinds.Originated };

    public static TheoryData<string, string, string> Faults() => new()
    {
        // What the appliance does wrong, the judgement, and what counts it beside.
        { "later fragment with the first one's header", WrongCookie, nameof(CaseCounts.OtherFragmentsHeader) },
        { "first fragment with the later ones' header", WrongCookie, nameof(CaseCounts.OtherFragmentsHeader) },
        { "fragment with another flow's header", WrongCookie, nameof(CaseCounts.OtherFlowsHeader) },
        { "fragment with a cookie that was never issued", WrongCookie, nameof(CaseCounts.UnknownCookie) },
        { "stale header after a change", WrongCookie, nameof(CaseCounts.StaleHeader) },
        { "stale header in an answer", WrongCookie, nameof(CaseCounts.StaleHeader) },
        { "other direction's header", WrongCookie, nameof(CaseCounts.OtherDirectionsHeader) },
        { "error in with the flow's header", WrongCookie, nameof(CaseCounts.OtherFragmentsHeader) },
        { "originated error with another flow's header", WrongCookie, nameof(CaseCounts.OtherFlowsHeader) },
        { "originated error with the quoted direction's header", WrongCookie, nameof(CaseCounts.OtherDirectionsHeader) },
        { "other direction's node", nameof(Judgement.PacketsDroppedCount_InvalidGeneveTunnel), "" },
        { "other direction's source port", nameof(Judgement.PacketsDroppedCount_InvalidGeneveTunnel), "" },
        { "changed byte in a first fragment", nameof(Judgement.BadInnerBytes), "" },
        { "changed byte in a later fragment", nameof(Judgement.BadInnerBytes), "" },
        { "changed byte in an originated error's quote", nameof(Judgement.BadInnerBytes), "" },
        { "changed IP option", nameof(Judgement.BadInnerBytes), "" },
        { "changed answer", nameof(Judgement.BadInnerBytes), "" },
        { "no answer but the packet itself", nameof(Judgement.BadInnerBytes), "" },
        { "first fragment with another identification", nameof(Judgement.BadInnerBytes), "" },
        { "last fragment that says that more follow", nameof(Judgement.BadInnerBytes), "" },
        { "fragment twice", nameof(Judgement.Duplicated), "" },
        { "spoilt originated error", nameof(Judgement.BadChecksum), "" },
        { "spoilt error in", nameof(Judgement.BadChecksum), "" },
        { "error about a packet that was to be forwarded", nameof(Judgement.UnexpectedError), "" },
        { "error about a packet that was not sent", nameof(Judgement.UnexpectedError), "" },
        { "no error but the packet itself", nameof(Judgement.NotExpired), "" },
        { "later fragment with another identification", nameof(Judgement.FragmentWithoutFirst), "" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Should_name_the_fault_when_the_appliance_returns(string fault, string expected, string counter)
    {
        bool isAbsent = expected is not nameof(Judgement.Duplicated);
        foreach (BlastIp ip in (BlastIp[])[BlastIp.V4, BlastIp.V6])
        {
            BlastOptions options = new() { Flows = 4, Packets = 400, Window = 16, Duration = Wait.Patience, Patience = _patience, Ip = ip, Sizes = SizeMix.Parse("1100,150"), Cases = CasesOf(fault) };
            Sandbox.Run(() =>
            {
                FaultyAppliance appliance = new(fault);
                BlastResult result = CaseLab.Blast(options, appliance.Play, CaseLab.LoadBalancer with { FurtherNodes = [IPAddress.Parse("127.0.1.1")] });

                Assert.True(appliance.WasFaulty);
                Assert.Equal(new Dictionary<string, long> { [expected] = 1 }, result.Judgements.Faults().Where(found => found.Value != 0).ToDictionary());
                Assert.Equal(isAbsent ? 1 : 0, result.Lost);
                Assert.NotEmpty(result.Objections(new HashSet<Judgement>(), maximumLoss: 100));
                Assert.Equal(counter.Length == 0 ? [] : [counter], result.Cases!.Snapshot().Where(count => count.Key.EndsWith("Header", StringComparison.Ordinal) || count.Key == nameof(CaseCounts.UnknownCookie)).Where(count => count.Value != 0).Select(count => count.Key));
            });
        }
    }

    [Fact]
    public void Should_object_when_a_fragment_does_not_come_back() => Sandbox.Run(() =>
    {
        int fragments = 0;
        BlastOptions options = new() { Flows = 4, Packets = 100, Window = 16, Duration = Wait.Patience, Patience = _patience, Sizes = SizeMix.Parse("1900"), Cases = _fragments };
        BlastResult result = CaseLab.Blast(options, (right, _) => IsLater(right.Inner) && fragments++ == 50 ? [] : [right]);
        Assert.Equal((100, 99), (result.Sent, result.Returned));
        Assert.Equal(["1 % lost where 0 % may be"], result.Objections(new HashSet<Judgement>(), maximumLoss: 0));
    });

    [Fact]
    public void Should_object_to_a_run_that_never_came_to_what_was_asked_for() => Sandbox.Run(() =>
    {
        BlastOptions options = new() { Flows = 50, Packets = 50, Duration = Wait.Patience, Patience = Wait.Patience, Cases = new() { FragmentSize = 600, Errors = ErrorKinds.Both, ChurnEvery = 100 } };
        BlastResult result = CaseLab.Blast(options, play: null);
        Assert.Equal(4, result.Objections(new HashSet<Judgement>(), maximumLoss: 0).Count);
    });

    private static CaseOptions CasesOf(string fault) => fault switch
    {
        "stale header after a change" => _churn,
        "stale header in an answer" => _churn with { Answers = true },
        "changed answer" or "no answer but the packet itself" => new() { Answers = true },
        "other direction's header" or "other direction's node" or "other direction's source port" => _directions,
        "error in with the flow's header" or "spoilt error in" => _errorsIn,
        "originated error with the quoted direction's header" => _originated with { Asymmetric = true },
        "changed IP option" => new() { IpOptions = true },
        _ => fault.Contains("fragment", StringComparison.Ordinal) ? _fragments : _originated,
    };

    private static bool IsLater(byte[] packet) => InnerView.TryParse(packet, out InnerView inner) && inner.IsLaterFragment;

    /// <summary>Right but once, after it has seen enough to know what it does wrong.</summary>
    private sealed class FaultyAppliance(string fault)
    {
        // Enough for every flow to have begun, and all that was on its way then to be known.
        private const int Warm = 150;

        private readonly CaseLab.Router _router = new();
        private readonly Dictionary<string, Reply> _lastOf = [];
        private readonly Dictionary<string, Reply> _staleOf = [];

        public bool WasFaulty { get; private set; }

        public IEnumerable<Reply> Play(Reply right, int number)
        {
            byte[] packet = right.Inner;
            Assert.True(InnerView.TryParse(packet, out InnerView inner));
            string name = $"{InnerPackets.Source(packet)} {InnerPackets.Destination(packet)}";
            Note(name + (inner.IsLaterFragment ? " later" : ""), right);
            Reply[] replies = [.. fault.Contains("answer", StringComparison.Ordinal) ? CaseLab.Answer(right, number) : _router.Play(right, number)];
            bool isExpiring = packet[inner.Version == 4 ? 8 : 7] == 1;
            if (WasFaulty || number < Warm)
                return replies;
            IEnumerable<Reply>? wrong = Spoil(right, replies[0], inner, name, isExpiring);
            WasFaulty = wrong is not null;
            return wrong ?? replies;
        }

        private void Note(string name, Reply right)
        {
            if (_lastOf.TryGetValue(name, out Reply? last) && !last.Header.SequenceEqual(right.Header))
                _staleOf[name] = last;
            _lastOf[name] = right;
        }

        // Null where the packet is none to do it to.
        private IEnumerable<Reply>? Spoil(Reply right, Reply reply, in InnerView inner, string name, bool isExpiring)
        {
            bool isFirst = inner.IsFragment && !inner.IsLaterFragment, isErrorIn = inner.IsError(right.Inner);
            string back = string.Join(' ', name.Split(' ').Reverse());
            Reply? another = _lastOf.FirstOrDefault(other => other.Key != name && other.Key != back && !other.Key.EndsWith(" later", StringComparison.Ordinal)).Value;
            bool hasEnd = inner.IsLaterFragment && !inner.Fragment.HasMore;
            return fault switch
            {
                "later fragment with the first one's header" when inner.IsLaterFragment => [reply.WithHeadersOf(_lastOf[name])],
                "first fragment with the later ones' header" when isFirst => [reply.WithHeadersOf(_lastOf[name + " later"])],
                "fragment with another flow's header" when inner.IsFragment => [reply.WithHeadersOf(_lastOf.First(other => !other.Key.StartsWith(name, StringComparison.Ordinal)).Value)],
                "fragment with a cookie that was never issued" when inner.IsFragment => [reply.WithFlippedByte(36)],
                "stale header after a change" or "stale header in an answer" when _staleOf.ContainsKey(name) => [reply.WithHeadersOf(_staleOf[name])],
                "other direction's header" => [reply.WithHeadersOf(_lastOf[back])],
                "other direction's node" => [reply with { Destination = IPAddress.Parse(reply.Destination!.Equals(IPAddress.Loopback) ? "127.0.1.1" : "127.0.0.1") }],
                "other direction's source port" => [reply with { SourcePort = _lastOf[back].SourcePort }],
                "error in with the flow's header" when isErrorIn => [reply.WithHeadersOf(_lastOf.First(other => other.Key.StartsWith(name.Split(' ')[1] + " ", StringComparison.Ordinal)).Value)],
                "originated error with another flow's header" when isExpiring => [reply.WithHeadersOf(another!)],
                "originated error with the quoted direction's header" when isExpiring => [right.WithInner(reply.Inner)],
                "changed byte in a first fragment" when isFirst => [reply.WithFlippedByte(Inner + 200)],
                "changed byte in a later fragment" when inner.IsLaterFragment => [reply.WithFlippedByte(Inner + 100)],
                "changed byte in an originated error's quote" when isExpiring => [Respoilt(reply, inner.Version == 4 ? 28 + 100 : 48 + 100)],
                "changed IP option" when inner.UpperOffset > 28 && inner.Version == 4 => [reply.WithInner(InnerPackets.WithHeaderChecksum(reply.WithFlippedByte(Inner + 25).Inner))],
                "changed IP option" when inner.UpperOffset > 48 && inner.Version == 6 => [reply.WithFlippedByte(Inner + 45)],
                "changed answer" => [Respoilt(reply, inner.UpperOffset + 30)],
                "no answer but the packet itself" or "no error but the packet itself" when fault[3] == 'a' || isExpiring => [right],
                "first fragment with another identification" when isFirst => [Renamed(reply)],
                "later fragment with another identification" when inner.IsLaterFragment => [Renamed(reply)],
                "last fragment that says that more follow" when hasEnd => [reply.WithInner(InnerPackets.WithHeaderChecksum(reply.WithFlippedByte(Inner + (inner.Version == 4 ? 6 : 43), inner.Version == 4 ? (byte)0x20 : (byte)1).Inner))],
                "fragment twice" when inner.IsFragment => [reply, reply],
                "spoilt originated error" when isExpiring => [reply.WithFlippedByte(Inner + 60)],
                "spoilt error in" when isErrorIn => [reply.WithFlippedByte(Inner + (inner.Version == 4 ? 30 : 50))],
                "error about a packet that was to be forwarded" when !isExpiring => [right.WithInner(InnerPackets.TimeExceeded(Router(inner), right.Inner))],
                "error about a packet that was not sent" when isExpiring => [right.WithInner(InnerPackets.TimeExceeded(Router(inner), right.WithFlippedByte(Inner + (inner.Version == 4 ? 19 : 39)).Inner))],
                _ => null,
            };
        }

        private static IPAddress Router(in InnerView inner) => IPAddress.Parse(inner.Version == 6 ? "fd99::1" : "10.99.0.1");

        // An identification that no datagram has.
        private static Reply Renamed(Reply reply)
        {
            byte[] packet = reply.Inner;
            packet[InnerPackets.IsIpv6(packet) ? 44 : 4] ^= 0x40;
            return reply.WithInner(InnerPackets.WithHeaderChecksum(packet));
        }

        // Changes a byte and makes the upper layer's checksum right again.
        private static Reply Respoilt(Reply reply, int offset)
        {
            byte[] packet = reply.Inner;
            packet[offset] ^= 0x55;
            InnerPacket.TryParse(packet, out InnerPacket inner);
            Span<byte> checksum = packet.AsSpan(inner.TransportOffset + (inner.Protocol == IpProtocol.Udp ? 6 : 2));
            (checksum[0], checksum[1]) = (0, 0);
            BinaryPrimitives.WriteUInt16BigEndian(checksum, InternetChecksum.Transport(packet, inner));
            return reply.WithInner(packet);
        }
    }
}
