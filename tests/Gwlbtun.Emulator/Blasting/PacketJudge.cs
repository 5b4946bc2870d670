using Gwlbtun.Emulator.Judging;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>Compares what returns with the plan's packet of the same number, byte by byte.</summary>
internal sealed class PacketJudge(TrafficPlan plan)
{
    private readonly byte[] _expected = new byte[65_536];

    /// <summary>Judges a packet without its envelope.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="inner">What it is.</param>
    /// <param name="flow">Its flow, by its addresses.</param>
    /// <param name="number">The number that it carries.</param>
    public Judgement Judge(ReadOnlySpan<byte> packet, in InnerView inner, int flow, out long number)
    {
        if (!inner.HasValidHeaderChecksum(packet))
        {
            number = 0;
            return Judgement.BadChecksum;
        }

        if (!plan.TryReadNumber(packet, inner, flow, out number))
            return inner.HasValidChecksums(packet) ? Judgement.BadInnerBytes : Judgement.BadChecksum;

        // The appliance is a router: it lowers the hop limit, and IPv4's checksum changes with it.
        Span<byte> expected = _expected.AsSpan(0, plan.Write(_expected, number));
        int hopLimit = inner.Version == 4 ? 8 : 7;
        if (packet[hopLimit] > 0 && packet[hopLimit] <= expected[hopLimit])
            expected[hopLimit] = packet[hopLimit];
        if (inner.Version == 4)
            packet.Slice(10, 2).CopyTo(expected[10..]);
        if (packet.SequenceEqual(expected))
            return Judgement.Accepted;
        return inner.HasValidChecksums(packet) ? Judgement.BadInnerBytes : Judgement.BadChecksum;
    }
}
