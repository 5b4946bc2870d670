using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Release;

/// <summary>The tests that share one build of the release.</summary>
[CollectionDefinition(Name)]
public sealed class ReleaseCollection : ICollectionFixture<ReleaseBuild>
{
    /// <summary>What their classes say: <c>[Collection(ReleaseCollection.Name)]</c>.</summary>
    public const string Name = "release";
}
