using System.Buffers.Binary;
using Gwlbtun.Emulator.Judging;

namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>Recognizes returned packets, and compares each with the bytes that it must have.</summary>
internal sealed class ContentJudge(CasePlan plan, CaseOptions cases, CaseWriter writer)
{
    private readonly ErrorWriter _errors = new(cases, plan, writer);
    private readonly byte[] _datagramBytes = new byte[65_536];
    private readonly byte[] _unitBytes = new byte[65_536];

    // An appliance that puts datagrams together may cut them anew with other identifications (Linux over IPv6): which is known by the first.
    private readonly Dictionary<(int Stream, uint Id), long> _renamed = [];
    private Datagram _datagram;
    private long _datagramNumber = -1;

    /// <summary>The place that was sent last, by stream.</summary>
    public long[] LastSequence { get; } = NewSequences(plan.Streams);

    /// <summary>Recognizes a packet and judges its content.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="inner">What it is.</param>
    /// <param name="unit">What it was recognized as.</param>
    /// <returns>Null for a fragment of which nobody can say which datagram it is of.</returns>
    public Judgement? Judge(ReadOnlySpan<byte> packet, in InnerView inner, out CaseUnit unit)
    {
        unit = new CaseUnit();
        if (!inner.HasValidHeaderChecksum(packet))
            return Judgement.BadChecksum;
        if (inner.IsError(packet))
            return plan.TryFindErrorIn(packet, inner, out unit.Stream) ? JudgeErrorIn(packet, inner, ref unit) : JudgeOriginated(packet, inner, ref unit);
        if (cases.Answers && plan.TryFindAnswered(packet, inner, out unit.Stream))
            return JudgeAnswer(packet, inner, ref unit);
        if (!plan.TryFindStream(packet, inner, out unit.Stream))
            return Judgement.PacketsDroppedCount_MissingFlowEntry;
        if (inner.IsLaterFragment)
        {
            if (!TryFindNumber(unit.Stream, inner, out unit.Number))
                return null;
        }
        else if (!TryReadNumber(packet, inner, unit.Stream, out unit.Number))
        {
            return BadBytes(packet, inner);
        }

        return plan.KindOf(unit.Number) == CaseKind.ErrorIn ? BadBytes(packet, inner) : JudgeData(packet, inner, ref unit);
    }

    /// <summary>Notes that a first fragment has come with another identification than its datagram was given.</summary>
    /// <returns>Whether it has.</returns>
    public bool NoteRenamed(in InnerView inner, in CaseUnit unit)
    {
        if (unit.Kind != UnitKind.FirstFragment || inner.Version == 4 || inner.Fragment.Id == IdOf(unit.Number, isIpv6: true))
            return false;
        _renamed[(unit.Stream, inner.Fragment.Id)] = unit.Number;
        return true;
    }

    /// <summary>Forgets names of datagrams that were sent long ago.</summary>
    public void Sweep()
    {
        // Removing while enumerating is allowed.
        foreach (((int stream, uint id), long number) in _renamed)
        {
            if (LastSequence[stream] - plan.SequenceOf(number) > ushort.MaxValue)
                _renamed.Remove((stream, id));
        }
    }

    private Judgement JudgeData(ReadOnlySpan<byte> packet, in InnerView inner, ref CaseUnit unit)
    {
        Datagram datagram = Remake(unit.Number);
        unit.WasFragmented = datagram.IsToFragment;
        Span<byte> expected;
        if (!inner.IsFragment)
        {
            unit.Kind = UnitKind.Whole;
            expected = _datagramBytes.AsSpan(0, LengthAsIn(inner, datagram));
            _datagramNumber = -1; // the comparison overwrites some of it
        }
        else
        {
            bool isIpv6 = inner.Version == 6;
            uint id = IdOf(unit.Number, isIpv6);
            unit.Kind = inner.IsLaterFragment ? UnitKind.LaterFragment : UnitKind.FirstFragment;
            bool isCutAsSent = !isIpv6 || inner.Fragment.HeaderOffset == datagram.FixedLength;
            if (!isCutAsSent && (datagram.AtomicAt != 0 || !ExtensionChain.TryMoveCut(_datagramBytes, inner.Fragment.HeaderOffset, ref datagram)))
                return Judgement.BadInnerBytes;
            (unit.Offset, unit.Fragmentable) = (inner.Fragment.Offset, datagram.FragmentableLength);
            unit.Count = packet.Length - Fragmenter.HeaderLength(datagram, isIpv6);
            int end = unit.Offset + unit.Count;
            if (unit.Count <= 0 || end > datagram.FragmentableLength || inner.Fragment.HasMore != end < datagram.FragmentableLength || (inner.Fragment.HasMore && end % 8 != 0))
                return Judgement.BadInnerBytes;
            if (datagram.IsToFragment && isCutAsSent)
            {
                int capacity = Fragmenter.CapacityOf(cases.FragmentSize!.Value, datagram, isIpv6);
                unit.IsAsSent = inner.Fragment.Id == id && unit.Offset % capacity == 0 && unit.Count == Math.Min(capacity, datagram.FragmentableLength - unit.Offset);
            }

            // Over IPv6, who cuts a datagram anew chooses the identification.
            expected = _unitBytes.AsSpan(0, Fragmenter.Write(_unitBytes, _datagramBytes, datagram, unit.Offset, unit.Count, isIpv6 ? inner.Fragment.Id : id));
        }

        Judgement judgement = Compare(packet, inner, expected);
        bool isWhole = judgement == Judgement.Accepted && !inner.IsFragment;
        if (cases.Answers)
            return Judgement.BadInnerBytes;
        return isWhole && plan.KindOf(unit.Number) == CaseKind.Expiring ? Judgement.NotExpired : judgement;
    }

    private Judgement JudgeErrorIn(ReadOnlySpan<byte> packet, in InnerView inner, ref CaseUnit unit)
    {
        unit.Kind = UnitKind.ErrorIn;
        long last = LastSequence[unit.Stream];
        uint label = BinaryPrimitives.ReadUInt32BigEndian(packet) & ErrorWriter.FlowLabelMask;
        long sequence = last - (inner.Version == 6 ? (uint)last - label & ErrorWriter.FlowLabelMask : (ushort)(last - inner.Fragment.Id));
        long number = sequence < 0 ? -1 : plan.NumberOf(unit.Stream, sequence);
        if (number < 0 || plan.KindOf(number) != CaseKind.ErrorIn)
            return BadBytes(packet, inner);
        unit.Number = number;
        return Compare(packet, inner, _unitBytes.AsSpan(0, _errors.Write(_unitBytes, number)));
    }

    private Judgement JudgeOriginated(ReadOnlySpan<byte> packet, in InnerView inner, ref CaseUnit unit)
    {
        unit.Kind = UnitKind.ErrorOriginated;
        if (!inner.HasValidChecksums(packet))
            return Judgement.BadChecksum;
        if (!inner.TryReadQuote(packet, out ReadOnlySpan<byte> quote, out InnerView quoted) || !plan.TryFindStream(quote, quoted, out unit.Stream)
            || quoted.IsLaterFragment || !TryReadNumber(quote, quoted, unit.Stream, out unit.Number))
            return Judgement.UnexpectedError;
        bool isTimeExceeded = packet[inner.UpperOffset] == (inner.Version == 6 ? 3 : 11) && packet[inner.UpperOffset + 1] == 0;
        int half = quoted.Addresses(quote).Length / 2;
        bool isForSender = inner.Addresses(packet)[half..].SequenceEqual(quoted.Addresses(quote)[..half]);
        if (!isTimeExceeded || !isForSender || plan.KindOf(unit.Number) != CaseKind.Expiring)
            return Judgement.UnexpectedError;
        Remake(unit.Number);
        _datagramNumber = -1; // it may be changed below
        Span<byte> expected = _datagramBytes.AsSpan(0, Math.Min(LengthAsIn(quoted, _datagram), quote.Length));
        return CompareButHopLimit(quote, quoted, expected) ? Judgement.Accepted : Judgement.BadInnerBytes;
    }

    // Its IP header is the other end's own; what the upper layer carries must be what was sent to it.
    private Judgement JudgeAnswer(ReadOnlySpan<byte> packet, in InnerView inner, ref CaseUnit unit)
    {
        unit.Kind = UnitKind.Answer;
        if (!inner.HasValidChecksums(packet))
            return Judgement.BadChecksum;
        if (inner.IsFragment || !TryReadNumber(packet, inner, unit.Stream, out unit.Number) || plan.KindOf(unit.Number) != CaseKind.Data)
            return Judgement.BadInnerBytes;
        Remake(unit.Number);
        Span<byte> expected = _datagramBytes.AsSpan(_datagram.UpperOffset, _datagram.Length - _datagram.UpperOffset);
        ReadOnlySpan<byte> upper = packet[inner.UpperOffset..];
        _datagramNumber = -1; // it is changed below
        if (plan.ProtocolOf(unit.Stream) == BlastProtocol.Icmp)
        {
            expected[0] = CaseWriter.EchoType(inner.Protocol, isReply: true);
            upper.Slice(2, 2).CopyTo(expected[2..]); // valid, as was seen
        }
        else
        {
            (expected[0], expected[1], expected[2], expected[3]) = (expected[2], expected[3], expected[0], expected[1]);
        }

        return upper.SequenceEqual(expected) ? Judgement.Accepted : Judgement.BadInnerBytes;
    }

    // Linux, when it puts fragments together, takes an atomic fragment header out.
    private int LengthAsIn(in InnerView inner, in Datagram datagram) =>
        datagram.AtomicAt != 0 && inner.Fragment.HeaderOffset == 0 ? ExtensionChain.RemoveAtomic(_datagramBytes, datagram) : datagram.Length;

    private static Judgement Compare(ReadOnlySpan<byte> packet, in InnerView inner, Span<byte> expected) =>
        CompareButHopLimit(packet, inner, expected) ? Judgement.Accepted : BadBytes(packet, inner);

    // The appliance is a router: it lowers the hop limit, and IPv4's checksum changes with it.
    private static bool CompareButHopLimit(ReadOnlySpan<byte> packet, in InnerView inner, Span<byte> expected)
    {
        if (packet.Length != expected.Length)
            return false;
        int hopLimit = inner.Version == 4 ? 8 : 7;
        bool isInRange = packet[hopLimit] > 0 && packet[hopLimit] <= expected[hopLimit];
        expected[hopLimit] = packet[hopLimit];
        if (inner.Version == 4)
            packet.Slice(10, 2).CopyTo(expected[10..]);
        return isInRange && packet.SequenceEqual(expected);
    }

    private static Judgement BadBytes(ReadOnlySpan<byte> packet, in InnerView inner) => inner.HasValidChecksums(packet) ? Judgement.BadInnerBytes : Judgement.BadChecksum;

    private bool TryFindNumber(int stream, in InnerView inner, out long number)
    {
        if (_renamed.Count != 0 && _renamed.TryGetValue((stream, inner.Fragment.Id), out number))
            return true;
        bool isSent = CaseWriter.TryReadId(inner.Fragment.Id, inner.Version == 6, LastSequence[stream], out long sequence);
        number = isSent ? plan.NumberOf(stream, sequence) : -1;
        return isSent;
    }

    private bool TryReadNumber(ReadOnlySpan<byte> packet, in InnerView inner, int stream, out long number)
    {
        number = -1;
        int at = inner.UpperOffset + CaseWriter.UpperLength(inner.Protocol);
        if (inner.Length - at < CaseWriter.NumberLength)
            return false;
        long read = BinaryPrimitives.ReadInt64BigEndian(packet[at..]);
        if (read < 0 || plan.StreamOf(read) != stream || plan.SequenceOf(read) > LastSequence[stream])
            return false;
        number = read;
        return true;
    }

    private uint IdOf(long number, bool isIpv6) => CaseWriter.IdOf(plan.SequenceOf(number), isIpv6);

    private Datagram Remake(long number)
    {
        if (_datagramNumber != number)
            _datagram = writer.Write(_datagramBytes, number);
        _datagramNumber = number;
        return _datagram;
    }

    private static long[] NewSequences(int streams)
    {
        long[] sequences = new long[streams];
        Array.Fill(sequences, -1);
        return sequences;
    }
}
