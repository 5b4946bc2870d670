using Xunit;

// Three at a time, as most tests wait most of the time, each in namespaces of its own.
[assembly: CollectionBehavior(MaxParallelThreads = 3)]

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>The tests that have the machine's two or so cores for themselves: those that keep them busy, and those that would notice others that do.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class Alone
{
    /// <summary>What their classes say: <c>[Collection(Alone.Name)]</c>.</summary>
    public const string Name = "alone";
}
