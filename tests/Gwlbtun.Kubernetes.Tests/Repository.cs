namespace Gwlbtun.Kubernetes.Tests;

/// <summary>The files of this repository.</summary>
internal static class Repository
{
    private static readonly string _root = FindRoot();

    /// <summary>The absolute path of what stands at a path of the repository.</summary>
    public static string PathOf(string path) => Path.Combine(_root, path);

    public static string Read(string path) => File.ReadAllText(PathOf(path));

    // Not from [CallerFilePath]: a deterministic build writes paths that are nowhere.
    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "gwlbtun.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"No gwlbtun.sln above {AppContext.BaseDirectory}.");
        return folder.FullName;
    }
}
