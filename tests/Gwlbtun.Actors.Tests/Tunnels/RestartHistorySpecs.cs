using CsCheck;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Tunnels;
using Xunit;

namespace Gwlbtun.Actors.Tests.Tunnels;

public sealed class RestartHistorySpecs
{
    private static readonly DateTimeOffset _start = DateTimeOffset.UnixEpoch;
    private static readonly RestartSettings _settings = new(
        MinBackoff: TimeSpan.FromMilliseconds(200), MaxBackoff: TimeSpan.FromSeconds(10), Jitter: 0, MaxTries: 10, Window: TimeSpan.FromSeconds(60), ParkTimeout: TimeSpan.Zero);

    [Fact]
    public void Should_double_the_wait_up_to_its_bound()
    {
        var history = new RestartHistory(_settings, new Random(1));

        var waits = Enumerable.Range(0, 8).Select(i => history.Note(_start.AddSeconds(i), out _).TotalMilliseconds);

        Assert.Equal([200, 400, 800, 1600, 3200, 6400, 10000, 10000], waits);
    }

    [Fact]
    public void Should_be_exhausted_when_there_are_more_failures_than_tries_within_the_window()
    {
        var history = new RestartHistory(_settings with { MaxTries = 2 }, new Random(1));
        history.Note(_start, out var first);
        history.Note(_start.AddSeconds(1), out var second);

        history.Note(_start.AddSeconds(2), out var third);

        Assert.Equal((false, false, true), (first, second, third));
    }

    [Fact]
    public void Should_forget_failures_that_have_left_the_window()
    {
        var history = new RestartHistory(_settings with { MaxTries = 1 }, new Random(1));
        history.Note(_start, out _);

        var wait = history.Note(_start.AddSeconds(61), out var exhausted);

        Assert.Equal((_settings.MinBackoff, false), (wait, exhausted));
    }

    [Fact]
    public void Should_begin_anew_when_cleared_within_the_window()
    {
        var history = new RestartHistory(_settings with { MaxTries = 1 }, new Random(1));
        history.Note(_start, out _);

        history.Clear();
        var wait = history.Note(_start.AddSeconds(1), out var exhausted);

        Assert.Equal((_settings.MinBackoff, false, 1), (wait, exhausted, history.Failures));
    }

    [Fact]
    public void Should_vary_the_wait_within_the_jitter() =>
        Gen.Select(Gen.Int, Gen.Double[0, 1], Gen.Int[1, 40]).Sample((seed, jitter, failures) =>
        {
            var plain = new RestartHistory(_settings, new Random(seed));
            var varied = new RestartHistory(_settings with { Jitter = jitter }, new Random(seed));
            for (var i = 0; i < failures; i++)
            {
                var wait = plain.Note(_start, out _);
                var variedWait = varied.Note(_start, out _);
                if (variedWait < (wait * (1 - jitter)) - TimeSpan.FromTicks(1) || variedWait > (wait * (1 + jitter)) + TimeSpan.FromTicks(1))
                    return false;
            }

            return true;
        });
}
