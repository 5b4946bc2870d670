using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Offload;

/// <summary>
/// Packets that were damaged before they came: they come back as they came. A super-packet's checksums are made anew, so one that took a damaged packet in would
/// pass it off as a sound one.
/// </summary>
[Collection(Alone.Name)]
public sealed class CorruptPacketSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private const int Burst = 16;
    private const int Bytes = 1000;

    /// <summary>Where in the burst they stand: at its ends, in its middle, side by side, all of them but one.</summary>
    private static readonly int[][] _places = [[0], [Burst - 1], [7], [7, 8], [0, 1, Burst - 1], [.. Enumerable.Range(1, Burst - 1)]];

    [Theory]
    [InlineData(false, InnerPackets.Tcp)]
    [InlineData(false, InnerPackets.Udp)]
    [InlineData(true, InnerPackets.Tcp)]
    [InlineData(true, InnerPackets.Udp)]
    public async Task Should_return_damaged_packets_as_they_came_and_the_others_merged_around_them(bool v6, byte protocol)
    {
        await StartAsync("-c", Passthrough);
        var flow = new GwlbFlow(Eni, 1, v6, protocol);
        await Gwlb.EchoAsync(flow, 0);
        uint sequence = 1;
        foreach (var damage in Damages(v6, protocol))
        {
            foreach (var places in _places)
            {
                byte[][] packets = [.. Enumerable.Range(0, Burst).Select(_ => flow.Packet(sequence++, Bytes))];
                foreach (var place in places)
                    damage(packets[place]);
                var before = Lab.Delivered;
                Gwlb.SendTogether(flow, packets);

                foreach (var packet in packets)
                    Assert.Null((await Gwlb.ReceiveAsync()).FaultAs(flow, packet));
                Assert.Equal(places.Length + Runs(places), Lab.Delivered - before);
            }
        }
    }

    /// <summary>An appliance that routes looks at the IPv4 header's checksum and at no other.</summary>
    [Theory]
    [InlineData(false, InnerPackets.Tcp)]
    [InlineData(false, InnerPackets.Udp)]
    [InlineData(true, InnerPackets.Tcp)]
    [InlineData(true, InnerPackets.Udp)]
    public async Task Should_return_damaged_packets_with_their_checksums_when_the_appliance_routes(bool v6, byte protocol)
    {
        Variables["HOOK_ROUTE"] = "back";
        await StartAsync("-c", Artifacts.ExampleScript("create-route.sh"));
        var flow = new GwlbFlow(Eni, 1, v6, protocol);
        var transport = v6 ? 40 : 20;
        byte[][] packets = [.. Enumerable.Range(0, Burst).Select(n => flow.Packet((uint)n, Bytes))];
        packets[7][^1] ^= 1;
        Gwlb.Send(flow, packets[0]);
        Assert.Equal(0u, (await Gwlb.ReceiveAsync()).Sequence);

        Gwlb.SendTogether(flow, packets);

        foreach (var packet in packets)
            Assert.Equal(Convert.ToHexString(packet.AsSpan(transport)), Convert.ToHexString((await Gwlb.ReceiveAsync()).Inner[transport..]));
    }

    private static IEnumerable<Action<byte[]>> Damages(bool v6, byte protocol)
    {
        var transport = v6 ? 40 : 20;
        var checksum = transport + (protocol == InnerPackets.Tcp ? 16 : 6);
        yield return packet => packet[checksum] ^= 0x5A;
        yield return packet => packet[checksum + 1] ^= 1;
        // Behind the headers: the checksum no longer fits.
        yield return packet => packet[^1] ^= 0x80;
        // No checksum, which only UDP over IPv4 may have.
        yield return packet => packet[checksum] = packet[checksum + 1] = 0;
        if (!v6)
            yield return packet => packet[10] ^= 0xFF;
    }

    /// <summary>How many runs of neighbours the places leave between them.</summary>
    private static int Runs(int[] places) =>
        Enumerable.Range(0, Burst).Count(n => !places.Contains(n) && (n == 0 || places.Contains(n - 1)));
}
