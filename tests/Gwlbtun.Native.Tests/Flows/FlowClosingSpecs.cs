using Gwlbtun.Native.Flows;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public sealed class FlowClosingSpecs : IDisposable
{
    private const long AfterClosing = 10_500;
    private const long AfterIdle = 351_000;

    private static readonly FlowKey _there = SampleFlow.Tcp4(1);
    private static readonly FlowKey _back = SampleFlow.Tcp4(1, reversed: true);

    private readonly FlowTable _table = new(new FlowTableOptions { TcpClosing = TimeSpan.FromSeconds(10) });

    public void Dispose() => _table.Dispose();

    [Fact]
    public void Should_release_a_flow_early_once_both_directions_have_closed_on_their_way_in()
    {
        Learn(_there);
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);

        AssertReleasedEarly();
    }

    [Fact]
    public void Should_release_a_flow_early_when_one_direction_has_closed_on_its_way_out()
    {
        Learn(_there, TcpSignal.Closes);
        Find(_back, TcpSignal.Closes);

        AssertReleasedEarly();
    }

    [Fact]
    public void Should_release_a_flow_early_that_begins_with_its_end()
    {
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);

        AssertReleasedEarly();
    }

    [Fact]
    public void Should_hear_a_signal_on_whichever_call_carries_it()
    {
        Learn(_there);
        FlowProbe probe = _table.Prefetch(_there);
        _table.FindExact(probe, new byte[GwlbGeneveHeader.MaximumLength], out _, 0, TcpSignal.Closes);
        SampleHeader header = SampleHeader.Standard(1);
        _table.Learn(probe.Reversed(), header.Bytes, header.Parsed, header.Path, 0, TcpSignal.Closes);

        AssertReleasedEarly();
    }

    [Fact]
    public void Should_keep_a_flow_of_which_one_direction_has_closed()
    {
        Learn(_there, TcpSignal.Closes);
        Find(_there, TcpSignal.Closes);
        Learn(_there, TcpSignal.Closes);

        AssertKept();
    }

    [Fact]
    public void Should_keep_a_flow_that_opens_again()
    {
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);
        Learn(_there, TcpSignal.Opens);

        AssertKept();
    }

    [Fact]
    public void Should_keep_a_flow_that_opens_again_on_its_way_out()
    {
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);
        Find(_back, TcpSignal.Opens);

        AssertKept();
    }

    [Fact]
    public void Should_keep_a_flow_that_has_a_new_cookie()
    {
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);
        Learn(_there, cookie: 2);

        AssertKept();
    }

    [Fact]
    public void Should_count_the_end_in_a_packet_that_brings_a_new_cookie_as_that_of_the_new_flow()
    {
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);
        Learn(_there, TcpSignal.Closes, cookie: 2);
        AssertKept();

        Learn(_back, TcpSignal.Closes, cookie: 2);
        Assert.Equal(1, SampleFlow.SweepAll(_table, AfterIdle));
    }

    [Fact]
    public void Should_count_the_time_from_the_last_packet()
    {
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);
        Find(_back, nowMs: 5_000);

        Assert.Equal(0, SampleFlow.SweepAll(_table, AfterClosing));
        Assert.Equal(1, SampleFlow.SweepAll(_table, 5_000 + AfterClosing));
    }

    [Fact]
    public void Should_remember_what_has_closed_when_flows_move_to_other_segments()
    {
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);
        for (uint i = 10; i < 20_000; i++)
            SampleHeader.Standard(1).LearnInto(_table, SampleFlow.Tcp4(i));

        AssertReleasedEarly();
    }

    [Fact]
    public void Should_begin_open_in_the_place_of_a_flow_that_had_closed()
    {
        Learn(_there, TcpSignal.Closes);
        Learn(_back, TcpSignal.Closes);
        SampleFlow.SweepAll(_table, AfterClosing);

        Learn(_there);

        AssertKept();
    }

    [Fact]
    public void Should_change_no_time_out_unless_it_is_told_to()
    {
        using var table = new FlowTable(new FlowTableOptions());
        SampleHeader header = SampleHeader.Standard(1);
        table.Learn(_there, header.Bytes, header.Parsed, header.Path, 0, TcpSignal.Closes);
        table.Learn(_back, header.Bytes, header.Parsed, header.Path, 0, TcpSignal.Closes);

        Assert.False(table.TracksClosing);
        Assert.True(_table.TracksClosing);
        Assert.Equal(0, SampleFlow.SweepAll(table, 349_000));
    }

    private void Learn(in FlowKey key, TcpSignal signal = TcpSignal.None, uint cookie = 1)
    {
        SampleHeader header = SampleHeader.Standard(cookie);
        _table.Learn(key, header.Bytes, header.Parsed, header.Path, 0, signal);
    }

    private void Find(in FlowKey key, TcpSignal signal = TcpSignal.None, long nowMs = 0) =>
        Assert.NotEqual(0, _table.Find(key, new byte[GwlbGeneveHeader.MaximumLength], out _, nowMs, signal));

    private void AssertReleasedEarly()
    {
        Assert.Equal(0, SampleFlow.SweepAll(_table, 9_800));
        Assert.Equal(1, SampleFlow.SweepAll(_table, AfterClosing));
        Assert.False(SampleFlow.IsKnown(_table, _there));
        Assert.Equal(1, _table.TimedOut(FlowFamily.V4, FlowProtocol.Tcp));
    }

    private void AssertKept()
    {
        Assert.Equal(0, SampleFlow.SweepAll(_table, 349_000));
        Assert.True(SampleFlow.IsKnown(_table, _there, nowMs: 0));
    }
}
