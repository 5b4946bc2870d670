namespace Gwlbtun.Shared;

/// <summary>The clone that the tests were built in, whose files some of them look at.</summary>
internal static class Repository
{
    /// <summary>Its folder.</summary>
    public static string Root { get; } = FindRoot();

    public static string PathOf(string path) => Path.Combine(Root, path);

    public static string Read(string path) => File.ReadAllText(PathOf(path));

    // Not from [CallerFilePath]: a deterministic build writes paths that are nowhere.
    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "gwlbtun.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"No gwlbtun.sln above {AppContext.BaseDirectory}: run this from a clone.");
        return folder.FullName;
    }
}
