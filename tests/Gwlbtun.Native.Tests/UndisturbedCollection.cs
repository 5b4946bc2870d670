using Xunit;

namespace Gwlbtun.Native.Tests;

/// <summary>Tests that measure the process: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class UndisturbedCollection
{
    public const string Name = "Undisturbed";
}
