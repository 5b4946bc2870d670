using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>Fragments that the load balancer sends, each perhaps as a flow of its own: it hashes those without ports differently.</summary>
public sealed class FragmentsInSpecs(ITestOutputHelper output) : MatchingSpecs(output)
{
    private const int Bytes = 3000;
    private const int Each = 1200;
    private const int Tries = 5;

    private static readonly TimeSpan _anotherPacketAfter = TimeSpan.FromSeconds(1);

    /// <summary>IP version, and the order in which the fragments come.</summary>
    public static TheoryData<bool, int[]> Orders => new()
    {
        { false, [0, 1, 2] }, { false, [2, 1, 0] }, { false, [1, 0, 2] },
        { true, [0, 1, 2] }, { true, [2, 1, 0] }, { true, [1, 0, 2] },
    };

    [Theory]
    [MemberData(nameof(Orders))]
    public async Task Should_return_each_fragment_with_the_header_that_its_kind_came_with(bool v6, int[] order)
    {
        Gwlb.AddNode(OtherNode);
        var gwlbtun = await StartWithAsync(Sink);
        var flow = new GwlbFlow(Eni, 1, v6);
        GwlbFlow[] flows = [flow, flow, flow.Backward(OtherNode), new(Eni, 2, v6)];
        for (var tries = 1; ; tries++)
        {
            // Two packets of one flow, one of its other direction, and one of another flow: three have the same identification.
            var identification = 10 * (uint)tries;
            var start = TimeProvider.System.GetTimestamp();
            var fragments = order.SelectMany(position => flows.Select((sender, n) => Fragment(sender, identification + (n == 1 ? 1u : 0), position, (uint)n + 1))).ToArray();
            await LearnAsync(fragments);
            var fault = await FaultAsync([.. fragments.Reverse(), .. fragments]);
            if (fault is null)
                break;
            // Where the machine stalls for a second between two of them, they rightly are of different packets.
            Assert.True(TimeProvider.System.GetElapsedTime(start) >= _anotherPacketAfter && tries < Tries, fault);
        }

        // Whole packets of the flows go by the first fragments' headers.
        foreach (var each in flows)
            await ReturnAsync(each, each.Packet(9));
    }

    /// <summary>Returns fragments one by one; what is wrong with the first that does not come back with its own header, null when all do.</summary>
    private async Task<string?> FaultAsync(IEnumerable<(GwlbFlow Sender, byte[] Fragment)> fragments)
    {
        foreach (var (sender, fragment) in fragments)
        {
            Egress.Send(fragment);
            if ((await Gwlb.ReceiveAsync()).FaultAs(sender, fragment) is { } fault)
                return fault;
        }
        return null;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_let_older_packets_give_way_to_the_newest_when_it_remembers_no_more(bool v6)
    {
        const uint Most = 256, Old = 1000, Newest = 64;
        var flow = new GwlbFlow(Eni, 1, v6);
        await StartWithAsync(Sink, $"flows.fragments.max-per-eni = {Most}");
        await LearnAsync([.. from identification in Enumerable.Range(0, (int)Old) from position in new[] { 0, 1, 2 } select Fragment(flow, (uint)identification, position, 1)]);

        // Last use is known to an eighth of a second. All of the new ones are under way at the same time.
        await Task.Delay(TimeSpan.FromMilliseconds(300));
        var fragments = (from position in new[] { 1, 2 } from n in Enumerable.Range(0, (int)Newest) select Fragment(flow, Old + (uint)n, position, (uint)n + 2)).ToArray();
        foreach (var half in fragments.Chunk((int)Newest))
        {
            await LearnAsync(half);
            foreach (var (sender, fragment) in half)
                await ReturnAsync(sender, fragment);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_keep_fragments_of_two_endpoints_apart_when_all_else_is_equal(bool v6)
    {
        var gwlbtun = await StartWithAsync(Sink);
        GwlbFlow[] flows = [new(Eni, 1, v6), new GwlbFlow(Eni + 1, 1, v6).Renewed(500)];
        var fragments = new[] { 1, 2, 0 }.SelectMany(position => flows.Select(flow => Fragment(flow, 5, position, 1))).ToArray();
        await LearnAsync(fragments);

        using var other = new DeviceSocket(Lab.Appliance, OtherGwo);
        foreach (var (sender, fragment) in fragments)
            await ReturnAsync(sender, fragment, sender.EniId == Eni ? Egress : other);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Should_hand_back_every_fragment_at_once_when_the_appliance_is_transparent(bool v6)
    {
        await StartWithAsync(Passthrough);
        foreach (var position in new[] { 2, 0, 1 })
        {
            var (sender, fragment) = Fragment(new GwlbFlow(Eni, 1, v6), 7, position, 1);
            await EchoAsync(sender, fragment);
        }
    }

    /// <summary>A fragment, and the flow that the load balancer takes it for: later ones have no ports.</summary>
    private static (GwlbFlow Flow, byte[] Packet) Fragment(GwlbFlow flow, uint identification, int position, uint renewal) =>
        (position == 0 ? flow : flow.Renewed(renewal), PacketShapes.Fragments(flow.Packet(renewal, Bytes), Each, identification)[position]);
}
