using Gwlbtun.Native.Flows;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public sealed class FlowExpirySpecs : IDisposable
{
    private readonly FlowTable _table = new(new FlowTableOptions
    {
        TcpIdle = TimeSpan.FromSeconds(350),
        UdpIdle = TimeSpan.FromSeconds(120),
        OtherIdle = TimeSpan.FromSeconds(30),
    });

    public void Dispose() => _table.Dispose();

    [Theory]
    [InlineData(FlowProtocol.Tcp, 350)]
    [InlineData(FlowProtocol.Udp, 120)]
    [InlineData(FlowProtocol.Other, 30)]
    public void Should_take_a_flow_out_once_it_has_been_idle_for_its_protocols_time(FlowProtocol protocol, int seconds)
    {
        FlowKey key = KeyOf(protocol);
        SampleHeader.Standard(1).LearnInto(_table, key, nowMs: 5_000);

        Assert.Equal(0, SampleFlow.SweepAll(_table, 5_000 + (seconds * 1_000)));
        Assert.Equal(1, SampleFlow.SweepAll(_table, 5_000 + (seconds * 1_000) + 300));

        Assert.False(SampleFlow.IsKnown(_table, key));
        Assert.Equal(0, _table.Count(FlowFamily.V4, protocol));
        Assert.Equal(1, _table.TimedOut(FlowFamily.V4, protocol));
        Assert.Equal(0, _table.HeaderShapes);
    }

    [Fact]
    public void Should_keep_a_flow_that_packets_arrive_for()
    {
        for (long now = 0; now < 600_000; now += 100_000)
            SampleHeader.Standard(1).LearnInto(_table, SampleFlow.Udp4(1), now);

        Assert.Equal(0, SampleFlow.SweepAll(_table, 600_000));
    }

    [Fact]
    public void Should_keep_a_flow_that_packets_return_for()
    {
        SampleHeader.Standard(1).LearnInto(_table, SampleFlow.Udp4(1), 0);
        for (long now = 0; now < 600_000; now += 100_000)
            SampleFlow.IsKnown(_table, SampleFlow.Udp4(1, reversed: true), now);

        Assert.Equal(0, SampleFlow.SweepAll(_table, 600_000));
    }

    [Fact]
    public void Should_still_answer_an_idle_flow_until_it_is_swept()
    {
        SampleHeader header = SampleHeader.Standard(1);
        header.LearnInto(_table, SampleFlow.Udp4(1), 0);

        Assert.True(header.IsAnswerOf(_table, SampleFlow.Udp4(1), nowMs: 10_000_000));
    }

    [Fact]
    public void Should_not_take_out_a_flow_used_by_a_thread_whose_clock_is_ahead_of_the_sweepers()
    {
        SampleHeader.Standard(1).LearnInto(_table, SampleFlow.Udp4(1), nowMs: 10_000);

        Assert.Equal(0, SampleFlow.SweepAll(_table, nowMs: 0));
    }

    [Fact]
    public void Should_visit_no_more_than_its_budget_and_go_on_from_there()
    {
        const int Flows = 30_000;
        for (uint i = 0; i < Flows; i++)
            SampleHeader.Standard(i).LearnInto(_table, SampleFlow.Mixed(i), nowMs: 0);

        int expired = 0;
        int calls = 0;
        SweepResult result;
        do
        {
            result = _table.Sweep(nowMs: 1_000_000, budget: 64);
            Assert.InRange(result.Expired, 0, 64);
            expired += result.Expired;
            calls++;
        }
        while (!result.WrappedAround);

        Assert.Equal(Flows, expired);
        Assert.InRange(calls, Flows / 64, int.MaxValue);
        Assert.Equal(0, SampleFlow.CountAll(_table));
    }

    [Fact]
    public void Should_use_the_memory_of_flows_that_have_gone_for_those_that_come()
    {
        for (uint i = 0; i < 20_000; i++)
            SampleHeader.Standard(i).LearnInto(_table, SampleFlow.Tcp4(i), nowMs: 0);
        SampleFlow.SweepAll(_table, nowMs: 1_000_000);
        long bytes = _table.MemoryBytes;

        for (uint i = 20_000; i < 36_000; i++)
            SampleHeader.Standard(i).LearnInto(_table, SampleFlow.Tcp4(i), nowMs: 1_000_000);

        Assert.Equal(bytes, _table.MemoryBytes);
        Assert.Equal(16_000, SampleFlow.CountAll(_table));
    }

    private static FlowKey KeyOf(FlowProtocol protocol) => protocol switch
    {
        FlowProtocol.Tcp => SampleFlow.Tcp4(1),
        FlowProtocol.Udp => SampleFlow.Udp4(1),
        _ => SampleFlow.Icmp4(1),
    };
}
