using Gwlbtun.Native.Flows;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

/// <summary>A flood of one-packet flows at one endpoint has used up what all share, while others have connections.</summary>
public class FlowBudgetFloodSpecs
{
    private const int Total = 20_000;
    private const uint FloodFrom = 50_000_000;
    private const int PacketsToBeEstablished = 8;

    private static readonly SampleHeader _header = SampleHeader.Standard(1);

    [Theory]
    // Within the floor and its own part of what is shared; and nearly all that there is.
    [InlineData(1_024)]
    [InlineData(15_000)]
    public void Should_keep_established_flows_of_another_endpoint_when_new_ones_come_after_the_flood(int established)
    {
        var budget = new FlowBudget(Total, 2);
        using var flooded = new FlowTable(new FlowTableOptions(), budget);
        using var other = new FlowTable(new FlowTableOptions(), budget);
        Establish(other, 0, established);
        Flood(flooded, 0, 100_000);

        Establish(other, established, 250);

        Assert.Equal(0, Lost(other, established + 250));
        Assert.InRange(Sum(flooded, other), 1, Total);
    }

    [Theory]
    [InlineData(1_024, 6_000)]
    [InlineData(15_000, 2_000)]
    public void Should_let_one_packet_flows_of_the_flood_make_room_for_connections_of_another_endpoint(int established, int further)
    {
        var budget = new FlowBudget(Total, 2);
        using var flooded = new FlowTable(new FlowTableOptions(), budget);
        using var other = new FlowTable(new FlowTableOptions(), budget);
        Establish(other, 0, established);
        Flood(flooded, 0, 100_000);

        for (int i = 0; i < further; i++)
        {
            Establish(other, established + i, 1);
            Flood(flooded, 100_000 + (10 * i), 10);
            Assert.InRange(Sum(flooded, other), 1, Total);
        }

        Assert.Equal(0, Lost(other, established + further));
    }

    [Fact]
    public void Should_not_let_new_flows_of_another_endpoint_displace_each_other_before_they_are_established()
    {
        const int Further = 6_000;
        var budget = new FlowBudget(Total, 2);
        using var flooded = new FlowTable(new FlowTableOptions(), budget);
        using var other = new FlowTable(new FlowTableOptions(), budget);
        Flood(flooded, 0, 100_000);

        for (int i = 0; i < Further; i++)
        {
            _header.LearnInto(other, SampleFlow.Tcp4((uint)i));
            Flood(flooded, 100_000 + (10 * i), 10);
        }

        Assert.Equal(0, Lost(other, Further));
        Assert.Equal(0, other.Evicted);
    }

    [Fact]
    public void Should_let_flows_of_a_flood_that_is_over_make_room_when_they_are_swept()
    {
        const int Further = 3_000;
        var budget = new FlowBudget(Total, 2);
        using var flooded = new FlowTable(new FlowTableOptions(), budget);
        using var other = new FlowTable(new FlowTableOptions(), budget);
        Establish(other, 0, 15_000);
        Flood(flooded, 0, 100_000);

        for (int i = 0; i < Further; i += 200)
        {
            Establish(other, 15_000 + i, 200, nowMs: 2_000);
            Assert.Equal(0, SampleFlow.SweepAll(flooded, nowMs: 2_000));
            Assert.Equal(0, SampleFlow.SweepAll(other, nowMs: 2_000));
        }

        Assert.Equal(0, Lost(other, 15_000 + Further));
        Assert.InRange(Sum(flooded, other), 1, Total);
    }

    [Fact]
    public void Should_not_take_flows_by_sweeping_that_nobody_wants()
    {
        var budget = new FlowBudget(Total, 2);
        using var flooded = new FlowTable(new FlowTableOptions(), budget);
        using var other = new FlowTable(new FlowTableOptions(), budget);
        Flood(flooded, 0, 100_000);
        long held = SampleFlow.CountAll(flooded);

        SampleFlow.SweepAll(flooded, nowMs: 5_000);

        Assert.Equal(held, SampleFlow.CountAll(flooded));
    }

    [Fact]
    public async Task Should_neither_exceed_the_total_nor_lose_any_of_it_while_endpoints_come_and_go_in_a_flood()
    {
        const int Tables = 3;
        var budget = new FlowBudget(4_000, Tables + 1);
        long shared = 4_000 - ((Tables + 1) * budget.Floor);
        var options = new FlowTableOptions { TcpIdle = TimeSpan.FromSeconds(1) };
        FlowTable[] tables = [.. Enumerable.Range(0, Tables).Select(_ => new FlowTable(options, budget))];
        long clock = 0;
        long mostTaken = 0;

        await Task.WhenAll(Enumerable.Range(0, 4).Select(number => Task.Run(() =>
        {
            var random = new Random(number);
            for (int i = 0; i < 5_000; i++)
            {
                long now = Interlocked.Increment(ref clock) / 8;
                // All flood the first table, and establish flows in the others. One has endpoints that come and go, the others sweep.
                Flood(tables[0], random.Next(1_000_000), 1, now);
                Establish(tables[1 + random.Next(Tables - 1)], random.Next(2_000), 1, now);
                if (number > 0)
                {
                    tables[number - 1].Sweep(now, 16);
                }
                else if (i % 100 == 0)
                {
                    using var brief = new FlowTable(options, budget);
                    Establish(brief, 0, 600, now);
                }

                long taken = budget.SharedTaken;
                Assert.InRange(taken, 0, shared);
                mostTaken = Math.Max(Volatile.Read(ref mostTaken), taken);
            }
        })));

        Assert.InRange(mostTaken, shared - budget.Kept + 1, shared);
        Assert.Equal(tables.Sum(table => Math.Max(0, SampleFlow.CountAll(table) - budget.Floor)), budget.SharedTaken);
        foreach (FlowTable table in tables)
            table.Dispose();
        Assert.Equal(0, budget.SharedTaken);
    }

    private static void Flood(FlowTable table, int from, int flows, long nowMs = 0)
    {
        for (int i = 0; i < flows; i++)
            _header.LearnInto(table, SampleFlow.Tcp4(FloodFrom + (uint)(from + i)), nowMs);
    }

    private static void Establish(FlowTable table, int from, int flows, long nowMs = 0)
    {
        for (int i = 0; i < flows; i++)
        {
            for (int packet = 0; packet < PacketsToBeEstablished; packet++)
                _header.LearnInto(table, SampleFlow.Tcp4((uint)(from + i)), nowMs);
        }
    }

    private static int Lost(FlowTable table, int flows) =>
        Enumerable.Range(0, flows).Count(i => !SampleFlow.IsKnown(table, SampleFlow.Tcp4((uint)i)));

    private static long Sum(params FlowTable[] tables) => tables.Sum(SampleFlow.CountAll);
}
