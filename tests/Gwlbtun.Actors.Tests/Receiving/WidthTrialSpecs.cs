using Gwlbtun.Actors.Receiving;
using Xunit;

namespace Gwlbtun.Actors.Tests.Receiving;

/// <summary>Whether more threads, or fewer, are to stay.</summary>
public sealed class WidthTrialSpecs
{
    private const double Before = 100_000;

    private readonly WidthTrial _trial = new();
    private TimeSpan _now = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(1.11, false, false, true)]
    [InlineData(1.09, false, false, false)]
    [InlineData(0.6, false, false, false)]
    [InlineData(1.05, true, false, true)] // what had waited has been taken
    [InlineData(1.05, true, true, false)]
    [InlineData(1.2, true, true, true)]
    public void Should_keep_more_threads_that_bring_more_packets(double gain, bool wasBehind, bool isBehind, bool isKept) =>
        Assert.Equal(isKept, Try(isWider: true, gain, wasBehind, isBehind));

    [Theory]
    [InlineData(1.5, false, false, true)]
    [InlineData(0.92, false, false, true)]
    [InlineData(0.9, false, false, false)]
    [InlineData(1.0, true, false, false)]
    [InlineData(1.0, false, true, false)] // they have no time left, while cores are idle
    public void Should_keep_fewer_threads_that_do_nearly_as_well(double gain, bool isBehind, bool needsMoreCores, bool isKept) =>
        Assert.Equal(isKept, Try(isWider: false, gain, wasBehind: false, isBehind, needsMoreCores));

    [Fact]
    public void Should_try_more_threads_less_and_less_often_while_that_does_not_pay()
    {
        Assert.True(_trial.MayWiden(_now, isBehind: false));
        foreach (int seconds in (int[])[10, 20, 40, 60, 60])
        {
            Assert.False(Try(isWider: true, gain: 1));
            AssertRests(seconds, () => _trial.MayWiden(_now, isBehind: false));
        }
    }

    [Fact]
    public void Should_begin_with_the_shortest_rest_again_after_a_long_time()
    {
        for (int n = 0; n < 4; n++)
            Assert.False(Try(isWider: true, gain: 1));
        _now += TimeSpan.FromMinutes(3);

        Assert.False(Try(isWider: true, gain: 1));
        AssertRests(10, () => _trial.MayWiden(_now, isBehind: false));
    }

    [Fact]
    public void Should_try_again_sooner_while_packets_wait()
    {
        foreach (int seconds in (int[])[2, 4, 8, 12, 12])
        {
            Assert.False(Try(isWider: true, gain: 1, wasBehind: true, isBehind: true));
            AssertRests(seconds, () => _trial.MayWiden(_now, isBehind: true));
        }
    }

    [Fact]
    public void Should_learn_nothing_from_a_load_that_goes_away_meanwhile_but_rest()
    {
        for (int n = 0; n < 3; n++)
        {
            Assert.False(Try(isWider: true, gain: 0.1));
            AssertRests(10, () => _trial.MayWiden(_now, isBehind: false));
        }
    }

    [Fact]
    public void Should_learn_nothing_from_a_trial_that_is_abandoned()
    {
        _trial.Begin(isWider: true, Before, isBehind: false);
        _trial.Abandon();

        Assert.False(_trial.IsUnderWay);
        Assert.True(_trial.MayWiden(_now, isBehind: false));
    }

    [Fact]
    public void Should_forget_after_a_rest_what_was_so_before()
    {
        Try(isWider: true, gain: 1);
        Try(isWider: true, gain: 2);
        _trial.Forget();

        Assert.True(_trial.MayWiden(_now, isBehind: false));
        Assert.True(_trial.MayNarrow(_now));
    }

    [Fact]
    public void Should_try_fewer_threads_some_time_after_more_have_paid_and_then_less_and_less_often()
    {
        Assert.True(Try(isWider: true, gain: 2));
        foreach (int seconds in (int[])[10, 20, 40])
        {
            AssertRests(seconds, () => _trial.MayNarrow(_now));
            Assert.False(Try(isWider: false, gain: 0.5));
        }
    }

    [Fact]
    public void Should_take_more_threads_for_a_failure_when_fewer_do_better_after_all()
    {
        Assert.True(Try(isWider: true, gain: 2));
        Assert.True(Try(isWider: false, gain: 1.1));
        AssertRests(10, () => _trial.MayWiden(_now, isBehind: false));

        Assert.True(Try(isWider: true, gain: 2));
        Assert.True(Try(isWider: false, gain: 1.1));
        AssertRests(20, () => _trial.MayWiden(_now, isBehind: false));
    }

    [Fact]
    public void Should_not_take_them_for_a_failure_when_the_load_has_just_become_less()
    {
        for (int n = 0; n < 3; n++)
        {
            Assert.True(Try(isWider: true, gain: 2));
            Assert.True(Try(isWider: false, gain: 1));
            AssertRests(10, () => _trial.MayWiden(_now, isBehind: false));
        }
    }

    [Fact]
    public void Should_try_more_threads_at_once_when_fewer_were_too_few()
    {
        Try(isWider: true, gain: 1);
        Try(isWider: false, gain: 0.5);

        Assert.True(_trial.MayWiden(_now, isBehind: false));
    }

    [Fact]
    public void Should_try_one_thing_at_a_time()
    {
        _trial.Begin(isWider: true, Before, isBehind: false);

        Assert.True(_trial.IsUnderWay);
        Assert.False(_trial.MayWiden(_now, isBehind: true));
        Assert.False(_trial.MayNarrow(_now));
    }

    private bool Try(bool isWider, double gain, bool wasBehind = false, bool isBehind = false, bool needsMoreCores = false)
    {
        _trial.Begin(isWider, Before, wasBehind);
        bool isKept = _trial.End(_now, Before * gain, isBehind, needsMoreCores);
        Assert.False(_trial.IsUnderWay);
        return isKept;
    }

    private void AssertRests(int seconds, Func<bool> may)
    {
        _now += TimeSpan.FromSeconds(seconds - 0.1);
        Assert.False(may());
        _now += TimeSpan.FromSeconds(0.1);
        Assert.True(may());
    }
}
