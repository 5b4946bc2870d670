using Gwlbtun.Native.Forwarding;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>With the clock in the test's hand.</summary>
public sealed class FullQueuePatienceSpecs
{
    private readonly FakeTimeProvider _clock = new();
    private readonly FullQueuePatience _patience;
    private double _sleepsFor = 1;
    private double _waited;

    public FullQueuePatienceSpecs() => _patience = new(_clock, _ =>
    {
        _waited += _sleepsFor;
        _clock.Advance(TimeSpan.FromMilliseconds(_sleepsFor));
    });

    [Fact]
    public void Should_wait_so_long_at_once_and_no_longer()
    {
        WaitAsMuchAsItMay();
        Assert.Equal(FullQueuePatience.MostMs, _waited);
        Assert.False(_patience.TryWait());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1.1)]
    [InlineData(7)]
    [InlineData(300)]
    public void Should_count_what_a_wait_took_and_not_what_it_was_to_take(double sleepsFor)
    {
        _sleepsFor = sleepsFor;
        WaitAsMuchAsItMay();
        // All but the last fit in.
        Assert.InRange(_waited, FullQueuePatience.MostMs - 1, FullQueuePatience.MostMs + sleepsFor);
        // What was too much is worked off first.
        _waited = 0;
        _clock.Advance(TimeSpan.FromMilliseconds(FullQueuePatience.PartOfTime * Math.Max(0, sleepsFor - FullQueuePatience.MostMs - 1)));
        Assert.False(_patience.TryWait());
        Assert.Equal(0, _waited);
    }

    [Theory]
    [InlineData(1, 0.25)]
    [InlineData(1, 20)]
    [InlineData(3.5, 1)]
    [InlineData(40, 0.5)]
    public void Should_wait_for_a_part_of_the_time_in_the_long_run(double sleepsFor, double betweenMs)
    {
        WaitAsMuchAsItMay();
        _sleepsFor = sleepsFor;
        _waited = 0;
        var since = _clock.GetTimestamp();
        double Elapsed() => _clock.GetElapsedTime(since).TotalMilliseconds;
        while (Elapsed() < 60_000)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(betweenMs));
            _ = _patience.TryWait();
        }

        // Of the time in which it did not wait; give or take the last wait.
        var part = (Elapsed() - _waited) / FullQueuePatience.PartOfTime;
        Assert.InRange(_waited, Math.Min(part - 1, Elapsed() * sleepsFor / (sleepsFor + betweenMs) - sleepsFor), part + sleepsFor + 1);
    }

    [Fact]
    public void Should_have_its_full_time_again_after_a_while_and_no_more_than_that_however_long_it_was()
    {
        WaitAsMuchAsItMay();
        _clock.Advance(TimeSpan.FromMilliseconds(FullQueuePatience.MostMs * FullQueuePatience.PartOfTime * 100.0));
        _waited = 0;
        WaitAsMuchAsItMay();
        Assert.Equal(FullQueuePatience.MostMs, _waited);
    }

    private void WaitAsMuchAsItMay()
    {
        while (_patience.TryWait())
        {
        }
    }
}
