using Gwlbtun.Actors.Stats;

namespace Gwlbtun.Actors.Health;

/// <summary>
/// The flow caches of one family as one: v3.0 of the C++ handler had no more, and its report keeps its shape. The idle
/// time-out shown is that of TCP, the one that <c>-i</c> sets.
/// </summary>
internal readonly record struct FlowCacheSum(long Size, long TimedOut, int IdleTimeoutSeconds)
{
    /// <summary>Adds up a family's caches; null when it has none.</summary>
    public static FlowCacheSum? Of(IReadOnlyList<FlowCacheReport> caches, string family)
    {
        FlowCacheSum? sum = null;
        foreach (var cache in caches)
        {
            if (cache.Family != family)
                continue;
            var (size, timedOut, idle) = sum ?? new FlowCacheSum(0, 0, cache.IdleTimeoutSeconds);
            sum = new FlowCacheSum(
                size + cache.Size,
                timedOut + cache.TimedOut,
                cache.Protocol == "Tcp" ? cache.IdleTimeoutSeconds : idle);
        }

        return sum;
    }
}
