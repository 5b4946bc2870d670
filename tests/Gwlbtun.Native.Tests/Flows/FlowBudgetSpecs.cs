using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public class FlowBudgetSpecs
{
    private static readonly SampleHeader _header = SampleHeader.Standard(1);

    [Theory]
    [InlineData(2_000_000, 10, 1_024)]
    [InlineData(2_000_000, 1_024, 244)]
    [InlineData(100, 10, 1)]
    [InlineData(10, 10, 0)]
    public void Should_set_no_more_than_an_eighth_of_the_total_aside_for_floors(long maxTotal, int maxTables, long floor) =>
        Assert.Equal(floor, new FlowBudget(maxTotal, maxTables).Floor);

    [Fact]
    public void Should_let_no_more_flows_in_than_the_total_and_leave_each_table_its_floor()
    {
        var budget = new FlowBudget(maxTotal: 1_000, maxTables: 4);
        FlowTable[] tables = [.. Enumerable.Range(0, 4).Select(_ => new FlowTable(new FlowTableOptions(), budget))];

        // A flood at the first, then what comes at the others.
        Learn(tables[0], 10_000);
        Assert.Equal(1_000 - (3 * budget.Floor) - budget.Kept, SampleFlow.CountAll(tables[0]));
        foreach (FlowTable table in tables[1..])
        {
            Learn(table, 10_000);
            Assert.InRange(SampleFlow.CountAll(table), budget.Floor, budget.Floor + (budget.Kept / 2));
            Assert.Equal(10_000 - SampleFlow.CountAll(table), table.Evicted);
        }

        Assert.InRange(tables.Sum(SampleFlow.CountAll), 1_000 - budget.Kept, 1_000);

        Dispose(tables);
        Assert.Equal(0, budget.SharedTaken);
    }

    [Fact]
    public void Should_give_what_a_table_gives_back_to_those_that_want_it()
    {
        var budget = new FlowBudget(maxTotal: 1_000, maxTables: 2);
        var gone = new FlowTable(new FlowTableOptions(), budget);
        using var left = new FlowTable(new FlowTableOptions(), budget);
        Learn(gone, 2_000);
        Learn(left, 2_000);
        Assert.Equal(budget.Floor + (budget.Kept / 2), SampleFlow.CountAll(left));

        // Expired down to a few flows, which are within the floor.
        _ = SampleFlow.SweepAll(gone, nowMs: 1_000_000);
        _ = SampleFlow.SweepAll(gone, nowMs: 1_000_000);
        Learn(left, 2_000);
        Assert.Equal(1_000 - budget.Floor - budget.Kept, SampleFlow.CountAll(left));

        Learn(gone, 100);
        gone.Dispose();
        using var next = new FlowTable(new FlowTableOptions(), budget);
        Learn(next, 1_000);
        Assert.Equal(budget.Floor + (budget.Kept / 2), SampleFlow.CountAll(next));
    }

    [Fact]
    public void Should_give_back_what_a_table_still_holds_when_it_goes()
    {
        var budget = new FlowBudget(maxTotal: 1_000, maxTables: 1);
        for (int i = 0; i < 3; i++)
        {
            using var table = new FlowTable(new FlowTableOptions(), budget);
            Learn(table, 2_000);
            Assert.Equal(1_000, SampleFlow.CountAll(table));
        }

        Assert.Equal(0, budget.SharedTaken);
    }

    [Fact]
    public void Should_let_further_tables_live_on_what_is_shared()
    {
        var budget = new FlowBudget(maxTotal: 1_000, maxTables: 1);
        using var first = new FlowTable(new FlowTableOptions(), budget);
        using var further = new FlowTable(new FlowTableOptions(), budget);

        Learn(further, 2_000);
        Assert.Equal(875 - budget.Kept, SampleFlow.CountAll(further));
        Learn(first, 2_000);
        Assert.Equal(125 + (budget.Kept / 2), SampleFlow.CountAll(first));
    }

    [Fact]
    public void Should_say_that_the_table_is_full_when_nothing_is_left_and_nothing_of_its_own_can_give_way()
    {
        var budget = new FlowBudget(maxTotal: 10, maxTables: 10);
        using var greedy = new FlowTable(new FlowTableOptions(), budget);
        using var late = new FlowTable(new FlowTableOptions(), budget);
        Learn(greedy, 10);

        Assert.Equal(DropReason.FlowTableFull, _header.LearnInto(late, SampleFlow.Tcp4(1)).Reason);
        Assert.Equal(0, SampleFlow.CountAll(late));
    }

    [Fact]
    public void Should_find_a_flow_to_displace_in_a_table_that_was_much_larger_once()
    {
        var budget = new FlowBudget(maxTotal: 200_000, maxTables: 2);
        using var shrunk = new FlowTable(new FlowTableOptions(), budget);
        using var other = new FlowTable(new FlowTableOptions(), budget);
        Learn(shrunk, 150_000);
        _ = SampleFlow.SweepAll(shrunk, nowMs: 1_000_000);
        Learn(other, 210_000);

        int full = Learn(shrunk, 20_000);

        Assert.Equal(budget.Floor + (budget.Kept / 2), SampleFlow.CountAll(shrunk));
        Assert.InRange(full, 0, 20_000 / 20);
    }

    [Fact]
    public async Task Should_keep_the_bound_while_flows_come_and_go_in_many_tables_at_once()
    {
        const int Total = 3_000;
        const int Tables = 4;
        var budget = new FlowBudget(Total, Tables);
        var options = new FlowTableOptions { MaxFlows = 2_000, TcpIdle = TimeSpan.FromSeconds(1) };
        FlowTable[] tables = [.. Enumerable.Range(0, Tables).Select(_ => new FlowTable(options, budget))];
        long clock = 0;

        await Task.WhenAll(Enumerable.Range(0, Tables).Select(number => Task.Run(() =>
        {
            var random = new Random(number);
            for (int i = 0; i < 60_000; i++)
            {
                // Each thread learns everywhere and sweeps its own.
                long now = Interlocked.Increment(ref clock) / 8;
                _header.LearnInto(tables[random.Next(Tables)], SampleFlow.Tcp4((uint)random.Next(10_000)), now);
                tables[number].Sweep(now, 16);
                Assert.InRange(budget.SharedTaken, 0, Total - (Tables * budget.Floor));
            }
        })));

        Assert.Equal(tables.Sum(table => Math.Max(0, SampleFlow.CountAll(table) - budget.Floor)), budget.SharedTaken);
        Assert.InRange(tables.Sum(SampleFlow.CountAll), 1, Total);
        // Not one was lost on the way: all of it can be had again.
        foreach (FlowTable table in tables)
        {
            _ = SampleFlow.SweepAll(table, 1_000_000);
            _ = SampleFlow.SweepAll(table, 1_000_000);
        }

        Assert.Equal(0, budget.SharedTaken);
        foreach (FlowTable table in tables)
            Learn(table, 4_000);
        Assert.InRange(tables.Sum(SampleFlow.CountAll), Total - budget.Kept, Total);
        Dispose(tables);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public void Should_refuse_numbers_out_of_range(long maxTotal, int maxTables) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowBudget(maxTotal, maxTables));

    // Says how many could not be learned.
    private static int Learn(FlowTable table, uint flows)
    {
        int full = 0;
        for (uint i = 0; i < flows; i++)
            full += _header.LearnInto(table, SampleFlow.Tcp4(i)).Reason == DropReason.None ? 0 : 1;
        return full;
    }

    private static void Dispose(FlowTable[] tables)
    {
        foreach (FlowTable table in tables)
            table.Dispose();
    }
}
