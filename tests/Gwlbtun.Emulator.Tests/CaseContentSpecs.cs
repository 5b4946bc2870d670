using CsCheck;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Blasting.Cases;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

/// <summary>What is sent beyond whole packets, and what of it is taken back.</summary>
public class CaseContentSpecs
{
    private static readonly Gen<(BlastOptions Options, CaseOptions Cases)> _traffic = Gen.Select(
        Gen.Int[1, 300], Gen.Int[1, 20], Gen.Enum<BlastProtocol>(), Gen.Enum<BlastIp>(), Gen.Int[1, 5_000], Gen.Int[256, 1_500], Gen.Bool, Gen.Bool)
        .Select((flows, burst, protocol, ip, size, fragmentSize, isAsymmetric, hasOptions) => (
            new BlastOptions { Flows = flows, Burst = burst, Protocol = protocol, Ip = ip, Sizes = SizeMix.Parse($"{size},64") },
            new CaseOptions { FragmentSize = fragmentSize, Errors = ErrorKinds.Both, Asymmetric = isAsymmetric, IpOptions = hasOptions }));

    [Fact]
    public void Should_number_the_turns_of_each_stream_without_a_gap() =>
        Gen.Select(_traffic, Gen.Long[0, 1L << 40]).Sample((traffic, number) =>
        {
            CasePlan plan = new(traffic.Options, traffic.Cases);
            return plan.NumberOf(plan.StreamOf(number), plan.SequenceOf(number)) == number
                && plan.StreamOf(plan.NumberOf(plan.StreamOf(number), plan.SequenceOf(number) + 1)) == plan.StreamOf(number);
        });

    [Fact]
    public void Should_write_packets_that_both_parsers_find_right() =>
        Gen.Select(_traffic, Gen.Long[0, 1L << 30]).Sample((traffic, number) =>
        {
            Lab lab = new(traffic.Options, traffic.Cases, number);
            if (lab.Kind == CaseKind.ErrorIn)
                return true;
            byte[] whole = lab.Whole();
            return InnerView.TryParse(whole, out InnerView view) && view.Length == whole.Length && view.HasValidChecksums(whole) && !view.IsFragment
                && InnerPacket.TryParse(whole, out InnerPacket inner) == DropReason.None && inner.TransportOffset == view.UpperOffset && inner.Protocol == view.Protocol
                && lab.Judge(whole, out CaseUnit unit) == (lab.Kind == CaseKind.Expiring ? Judgement.NotExpired : Judgement.Accepted) && unit.Number == number;
        }, iter: 1_000);

    [Fact]
    public void Should_know_each_fragment_and_that_it_is_as_sent() =>
        Gen.Select(_traffic, Gen.Long[0, 1L << 30]).Sample((traffic, number) =>
        {
            Lab lab = new(traffic.Options, traffic.Cases, number);
            return lab.Kind != CaseKind.Data || !lab.Datagram.IsToFragment || lab.Cut(traffic.Cases.FragmentSize!.Value).All(fragment =>
                fragment.Length <= traffic.Cases.FragmentSize && lab.Judge(fragment, out CaseUnit unit) == Judgement.Accepted && unit.Number == number && unit.IsAsSent);
        }, iter: 1_000);

    [Fact]
    public void Should_know_fragments_that_were_cut_anew_at_other_boundaries_and_behind_other_headers() =>
        Gen.Select(_traffic, Gen.Long[0, 1L << 30], Gen.Int[256, 1_500], Gen.UInt).Sample((traffic, number, size, id) =>
        {
            Lab lab = new(traffic.Options, traffic.Cases, number);
            if (lab.Kind != CaseKind.Data || !lab.Datagram.IsToFragment)
                return true;
            // Linux over IPv6: behind all that looks like a destination option, and with an identification of its own.
            Datagram cut = lab.Datagram;
            if (lab.IsIpv6 && !ExtensionChain.TryMoveCut(lab.Whole(), lab.Datagram.UpperOffset, ref cut))
                return false;
            if (Fragmenter.CapacityOf(size, cut, lab.IsIpv6) >= cut.FragmentableLength)
                return true;
            Reassembly reassembly = new(8);
            Progress progress = Progress.Incomplete;
            foreach (byte[] fragment in lab.Cut(size, cut, lab.IsIpv6 ? id : null))
            {
                // A later fragment with a new identification is known by the first one.
                if (lab.Judge(fragment, out CaseUnit unit) != Judgement.Accepted || !InnerView.TryParse(fragment, out InnerView inner))
                    return false;
                lab.Contents.NoteRenamed(inner, unit);
                progress = reassembly.Add(number % 5, inner.Fragment.Id, unit.Offset, unit.Count, unit.Fragmentable);
            }

            return progress == Progress.Complete;
        }, iter: 1_000);

    [Fact]
    public void Should_take_a_packet_without_its_atomic_fragment_header() =>
        Gen.Select(_traffic, Gen.Long[0, 1L << 30]).Sample((traffic, number) =>
        {
            Lab lab = new(traffic.Options, traffic.Cases, number);
            if (lab.Kind != CaseKind.Data || lab.Datagram.AtomicAt == 0)
                return true;
            byte[] whole = lab.Whole();
            whole = whole[..ExtensionChain.RemoveAtomic(whole, lab.Datagram)];
            return InnerView.TryParse(whole, out InnerView inner) && inner.HasValidChecksums(whole) && lab.Judge(whole, out CaseUnit unit) == Judgement.Accepted && unit.Number == number;
        }, iter: 1_000);

    [Fact]
    public void Should_send_errors_that_quote_what_identifies_a_flow() =>
        Gen.Select(_traffic, Gen.Long[0, 1L << 20]).Sample((traffic, start) =>
        {
            CasePlan plan = new(traffic.Options, traffic.Cases);
            long number = plan.NumberOf(plan.StreamOf(start), plan.SequenceOf(start) / 8 * 8 + 5);
            Lab lab = new(traffic.Options, traffic.Cases, number);
            byte[] error = lab.Error();
            return lab.Kind == CaseKind.ErrorIn
                && InnerView.TryParse(error, out InnerView view) && view.IsError(error) && view.HasValidChecksums(error) && error.Length <= (lab.IsIpv6 ? 1280 : 576)
                && view.TryReadQuote(error, out ReadOnlySpan<byte> quote, out InnerView quoted) && (quoted.HasPorts || quoted.IsLaterFragment || traffic.Options.Protocol is BlastProtocol.Icmp or BlastProtocol.Mix)
                && lab.Judge(error, out CaseUnit unit) == Judgement.Accepted && unit.Number == number;
        }, iter: 1_000);

    [Fact]
    public void Should_vary_options_from_flow_to_flow()
    {
        HashSet<string> chains = [];
        HashSet<int> headerLengths = [];
        for (int flow = 0; flow < 255; flow++)
        {
            byte[] packet = new byte[400];
            Datagram datagram = default;
            ExtensionChain.Write(packet, flow, IpProtocol.Udp, id: 1, ref datagram);
            Assert.InRange(datagram.UpperOffset, 48, 40 + ExtensionChain.MaximumLength);
            chains.Add(Convert.ToHexString(packet, 0, datagram.UpperOffset));
            headerLengths.Add(20 + Ipv4Options.LengthOf(flow));
        }

        // Sets that differ only in which of several destination options they leave out look the same.
        Assert.InRange(chains.Count, 150, 255);
        Assert.Equal(Enumerable.Range(6, 10).Select(words => 4 * words), headerLengths.Order());
    }

    [Fact]
    public void Should_find_when_a_cookie_was_issued() => Gen.ULong.Sample(seed =>
    {
        CookieMint mint = new(seed);
        HashSet<uint> cookies = [];
        for (uint i = 0; i < 1_000; i++)
        {
            uint cookie = mint.Next();
            if (mint.IndexOf(cookie) != i || !cookies.Add(cookie))
                return false;
        }

        return true;
    }, iter: 100);

    /// <summary>One datagram, and the judge of it.</summary>
    private sealed class Lab
    {
        private readonly CasePlan _plan;
        private readonly CaseOptions _cases;
        private readonly CaseWriter _writer;
        private readonly long _number;
        private readonly byte[] _bytes = new byte[65_536];

        public Lab(BlastOptions options, CaseOptions cases, long number)
        {
            (_cases, _number) = (cases, number);
            _plan = new CasePlan(options, cases);
            _writer = new CaseWriter(options, cases, _plan);
            Contents = new ContentJudge(_plan, cases, _writer);
            int stream = _plan.StreamOf(number);
            Contents.LastSequence[stream] = _plan.SequenceOf(number);
            Datagram = _writer.Write(_bytes, number);
        }

        public ContentJudge Contents { get; }

        public Datagram Datagram { get; }

        public CaseKind Kind => _plan.KindOf(_number);

        public bool IsIpv6 => _bytes[0] >> 4 == 6;

        public byte[] Whole() => _bytes[..Datagram.Length];

        public byte[] Error()
        {
            byte[] error = new byte[2_000];
            return error[..new ErrorWriter(_cases, _plan, _writer).Write(error, _number)];
        }

        public IEnumerable<byte[]> Cut(int size) => Cut(size, Datagram, id: null);

        public IEnumerable<byte[]> Cut(int size, Datagram datagram, uint? id)
        {
            int capacity = Fragmenter.CapacityOf(size, datagram, IsIpv6);
            for (int offset = 0; offset < datagram.FragmentableLength; offset += capacity)
            {
                byte[] fragment = new byte[size];
                int count = Math.Min(capacity, datagram.FragmentableLength - offset);
                yield return fragment[..Fragmenter.Write(fragment, _bytes, datagram, offset, count, id ?? CaseWriter.IdOf(_plan.SequenceOf(_number), IsIpv6))];
            }
        }

        public Judgement? Judge(byte[] packet, out CaseUnit unit)
        {
            Assert.True(InnerView.TryParse(packet, out InnerView inner));
            return Contents.Judge(packet, inner, out unit);
        }
    }
}
