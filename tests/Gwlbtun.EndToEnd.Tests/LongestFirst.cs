using Gwlbtun.EndToEnd.Tests.Release;
using Xunit;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("Gwlbtun.EndToEnd.Tests.LongestFirst", "Gwlbtun.EndToEnd.Tests")]

namespace Gwlbtun.EndToEnd.Tests;

/// <summary>Begins with the collection whose fixture takes longest to build: begun last, it would go on when all others had ended.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <inheritdoc/>
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderByDescending(collection => collection.DisplayName == ReleaseCollection.Name);
}
