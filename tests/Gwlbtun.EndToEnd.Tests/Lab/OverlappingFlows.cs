using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>A flow of each of three endpoints, between clients of the same address and port and the same server.</summary>
internal sealed class OverlappingFlows(LoadBalancerPeer gwlb, ulong firstEni, bool v6)
{
    private const uint Rounds = 5;

    public IReadOnlyList<GwlbFlow> All { get; } =
        [.. Enumerable.Range(0, 3).Select(n => new GwlbFlow(firstEni + (ulong)n, 1, v6) { Cookie = 0xC0_0000 + (uint)n })];

    /// <summary>Sends a packet to each endpoint, five times, and looks at the one that comes back with its cookie.</summary>
    /// <param name="isSamePacket">Whether it has to be the one that was sent.</param>
    public async Task ExchangeAsync(bool isSamePacket = true)
    {
        for (uint round = 0; round < Rounds; round++)
        {
            foreach (var flow in All)
                gwlb.Send(flow, flow.Packet(SequenceOf(flow, round)));
            var returned = new List<ReturnedPacket>();
            while (returned.Count < All.Count)
                returned.Add(await gwlb.ReceiveAsync());
            foreach (var flow in All)
            {
                var mine = Assert.Single(returned, packet => packet.Cookie == flow.Cookie);
                if (isSamePacket)
                    Assert.Equal(SequenceOf(flow, round), mine.Sequence);
                Assert.True(mine.Datagram.AsSpan().StartsWith(flow.GeneveHeader()));
            }
        }
    }

    // No two alike.
    private static uint SequenceOf(GwlbFlow flow, uint round) => round * 10 + flow.Cookie % 10;
}
