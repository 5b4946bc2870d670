using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Matching;
using Gwlbtun.Native.Tests.Wire;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Matching;

/// <summary>A matcher that learns and answers by the cookie: which packet's header is the answer.</summary>
internal sealed class MatcherLab : IDisposable
{
    public const uint None = 0;

    private readonly FlowMatcher _matcher = new(new(), new());

    public FlowMatcher Matcher => _matcher;

    public DropReason Learn(byte[] packet, uint cookie, ushort sourcePort = 40_000, uint node = 0x0100000A, long nowMs = 0)
    {
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
        var header = GeneveBytes.Standard(flowCookie: cookie).Build();
        Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(header, out var parsed));
        return _matcher.Learn(_matcher.Prefetch(packet, inner), packet, inner, header, parsed, new OuterPath(node, 0x0200000A, sourcePort), nowMs);
    }

    /// <summary>The cookie that a packet goes back with, or <see cref="None"/>.</summary>
    public uint Cookie(byte[] packet, long nowMs = 0) => Answer(packet, nowMs).Cookie;

    public (uint Cookie, OuterPath Path) Answer(byte[] packet, long nowMs = 0)
    {
        Assert.Equal(DropReason.None, InnerPacket.TryParse(packet, out var inner));
        var header = new byte[GwlbGeneveHeader.MaximumLength];
        var length = _matcher.Find(_matcher.Prefetch(packet, inner), packet, inner, header, out var path, nowMs);
        if (length == 0)
            return (None, default);
        Assert.Equal(DropReason.None, GwlbGeneveHeader.TryParse(header.AsSpan(0, length), out var parsed));
        Assert.Equal(GeneveBytes.Standard(flowCookie: parsed.FlowCookie).Build(), header.AsSpan(0, length));
        return (parsed.FlowCookie, path);
    }

    public void Dispose() => _matcher.Dispose();
}
