using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Release;

/// <summary>
/// What release.sh makes of the tree as it stands, changes that are not committed included, as version 9.8.7; for x86-64 twice, in two clones in different folders.
/// </summary>
public sealed class ReleaseBuild : IAsyncLifetime
{
    internal const string Version = "9.8.7";

    private readonly string _root = Directory.CreateTempSubdirectory("gwlbtun-release-").FullName;

    internal static IReadOnlyList<string> Runtimes { get; } = ["linux-x64", "linux-arm64"];

    internal string Clone => Path.Combine(_root, "clone");

    internal string OtherClone => Path.Combine(_root, "in", "another", "folder");

    internal string Output => Path.Combine(_root, "output");

    internal string OtherOutput => Path.Combine(_root, "other-output");

    internal string Tarball(string runtime) => Path.Combine(Output, $"gwlbtun-{Version}-{runtime}.tar.gz");

    internal string Materials(string runtime) => Path.Combine(Output, $"gwlbtun-{Version}-{runtime}.cdx.json");

    /// <summary>The one folder of the tarball, unpacked.</summary>
    internal string Unpacked(string runtime) => Path.Combine(_root, runtime, $"gwlbtun-{Version}");

    public async Task InitializeAsync()
    {
        Command.Run("bash", "-c", """
            set -e
            git clone -q "$1" "$2"
            git -C "$1" diff HEAD --binary | git -C "$2" apply --index --allow-empty
            cd "$2"
            printf '\n## [%s] - 2026-01-02\n' "$4" >>CHANGELOG.md
            git -c user.name=test -c user.email=test@example.org commit -q -a -m "Release $4"
            git tag "v$4"
            git clone -q . "$3"
            git -C "$3" remote set-url origin https://github.com/somebody/else
            """, "bash", Repository.Root, Clone, OtherClone, Version);
        await Task.WhenAll(BuildAsync(Clone, Output), BuildAsync(OtherClone, OtherOutput, "--runtime", "linux-x64"));
        foreach (var runtime in Runtimes)
        {
            var folder = Directory.CreateDirectory(Path.Combine(_root, runtime)).FullName;
            Command.Run("tar", "-xzf", Tarball(runtime), "-C", folder);
        }
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_root, recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>Runs the release.sh of a clone with what other tests leave of the processors, and returns its exit code and what it said.</summary>
    internal static async Task<(int ExitCode, string Said)> RunAsync(string clone, params string[] arguments)
    {
        await using var program = RunningProgram.Start(["nice", "-n", "19", Path.Combine(clone, "release.sh"), .. arguments]);
        return (await program.WaitForExitAsync(TimeSpan.FromMinutes(10)), program.Log);
    }

    private static async Task BuildAsync(string clone, string output, params string[] arguments)
    {
        var (exitCode, said) = await RunAsync(clone, ["--output", output, .. arguments]);
        if (exitCode != 0)
            throw new InvalidOperationException($"release.sh ended with {exitCode}:\n{said}");
    }
}
