using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>A Geneve header as the load balancer would send it, and the way it came.</summary>
internal sealed class SampleHeader
{
    public SampleHeader(byte[] bytes, OuterPath path)
    {
        Bytes = bytes;
        Path = path;
        if (GwlbGeneveHeader.TryParse(bytes, out GwlbGeneveHeader parsed) != DropReason.None)
            throw new ArgumentException("Not a header that would be accepted.");
        Parsed = parsed;
    }

    public byte[] Bytes { get; }

    public GwlbGeneveHeader Parsed { get; }

    public OuterPath Path { get; }

    /// <summary>The usual 40 bytes; its shape depends on the endpoint and the addresses alone.</summary>
    public static SampleHeader Standard(uint cookie, ulong attachmentId = 0, ushort sourcePort = 40_000, uint loadBalancer = 0x0100000A, ulong eniId = 1) =>
        new(GeneveBytes.Standard(eniId, attachmentId, cookie).Build(), new OuterPath(loadBalancer, 0x0200000A, sourcePort));

    /// <summary>Options in another order, further ones between, up to the full 260 bytes; the shape number decides.</summary>
    public static SampleHeader Shaped(int shape, uint cookie, ulong attachmentId = 0, ushort sourcePort = 40_000)
    {
        var builder = new GeneveBytes { Vni = (uint)shape, ProtocolType = shape % 2 == 0 ? EtherType.Ipv4 : EtherType.Ipv6 };
        byte[] filler = new byte[4 * (shape % 55)];
        Array.Fill(filler, (byte)shape);
        if (shape % 3 == 0)
            builder.FlowCookie(cookie);
        if (filler.Length > 0)
        {
            // One option holds at most 31 words.
            int first = Math.Min(filler.Length, 124);
            builder.Option(0x0109, 5, filler.AsSpan(0, first));
            if (filler.Length - first >= 4)
                builder.Option(0x0109, 6, filler.AsSpan(0, filler.Length - first - 4));
        }

        builder.AttachmentId(attachmentId).EniId(77);
        if (shape % 3 != 0)
            builder.FlowCookie(cookie);
        return new SampleHeader(builder.Build(), new OuterPath(0x0100000A + ((uint)shape << 24), 0x0200000A, sourcePort));
    }

    public LearnResult LearnInto(FlowTable table, in FlowKey key, long nowMs = 0) => table.Learn(key, Bytes, Parsed, Path, nowMs);

    /// <summary>Whether a table answers with exactly this header and way.</summary>
    public bool IsAnswerOf(FlowTable table, in FlowKey key, long nowMs = 0)
    {
        Span<byte> answer = stackalloc byte[GwlbGeneveHeader.MaximumLength];
        int length = table.Find(key, answer, out OuterPath path, nowMs);
        return answer[..length].SequenceEqual(Bytes) && path == Path;
    }
}
