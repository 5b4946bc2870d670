using System.Diagnostics;
using Gwlbtun.Native.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>Against the real clock: whatever the machine does meanwhile counts as waited, or as time that has passed.</summary>
public sealed class FullQueuePatienceSpecs
{
    [Fact]
    public void Should_wait_for_so_long_at_once_and_then_for_a_part_of_the_time()
    {
        var patience = new FullQueuePatience();
        var began = Stopwatch.GetTimestamp();
        while (patience.TryWait())
        {
        }

        // All but the last wait fit in.
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalMilliseconds, FullQueuePatience.MostMs - 1, double.PositiveInfinity);

        TimeSpan waited = TimeSpan.Zero, longest = TimeSpan.Zero, all;
        var since = Stopwatch.GetTimestamp();
        do
        {
            var before = Stopwatch.GetTimestamp();
            if (!patience.TryWait())
                continue;
            var took = Stopwatch.GetElapsedTime(before);
            waited += took;
            longest = took > longest ? took : longest;
        }
        while ((all = Stopwatch.GetElapsedTime(since)) < TimeSpan.FromMilliseconds(300));

        Assert.InRange(waited, TimeSpan.FromMilliseconds(10), (all / FullQueuePatience.PartOfTime) + longest);
    }
}
