using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Offload;

/// <summary>
/// Bursts of several flows, over TCP and UDP and both IP versions, one round after the other while a test does something to the appliance: each round must
/// come back whole, byte for byte, before the next is sent. In what order is not judged: ways of different length may have been taken.
/// </summary>
internal sealed class BurstTraffic(LoadBalancerPeer gwlb, ulong eniId)
{
    private const int Burst = 10;
    private const int Bytes = 1400;

    private readonly GwlbFlow[] _flows =
    [
        new(eniId, 1, IsV6: false, InnerPackets.Tcp), new(eniId, 2, IsV6: false, InnerPackets.Udp), new(eniId, 3, IsV6: true, InnerPackets.Tcp), new(eniId, 4, IsV6: true, InnerPackets.Udp),
    ];

    private uint _sequence;

    /// <summary>Rounds that came back whole.</summary>
    public int Rounds { get; private set; }

    /// <summary>Sends rounds, at least so many, until what the test does meanwhile is done.</summary>
    public async Task RunDuringAsync(Func<Task> disturbance, int atLeast = 20)
    {
        var disturbing = Task.Run(disturbance);
        for (var before = Rounds; !disturbing.IsCompleted || Rounds < before + atLeast;)
            await RoundAsync();
        await disturbing;
    }

    private async Task RoundAsync()
    {
        Dictionary<(uint Cookie, uint Sequence), (GwlbFlow Flow, byte[] Packet)> expected = [];
        foreach (var flow in _flows)
        {
            byte[][] packets = [.. Enumerable.Range(0, Burst).Select(n => flow.Packet(_sequence + (uint)n, Bytes))];
            foreach (var packet in packets)
                expected.Add((flow.Cookie, InnerPackets.Sequence(packet)), (flow, packet));
            gwlb.SendTogether(flow, packets);
        }
        _sequence += Burst;
        while (expected.Count > 0)
        {
            var returned = await gwlb.ReceiveAsync();
            Assert.True(expected.Remove((returned.Cookie, returned.Sequence), out var sent), $"packet {returned.Sequence} with cookie {returned.Cookie:x8} came back twice or was never sent");
            Assert.Null(returned.FaultAs(sent.Flow, sent.Packet));
        }
        Rounds++;
    }
}
