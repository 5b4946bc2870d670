using System.Globalization;
using System.Text.Json;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Release;

/// <summary>release.sh, and what is in its tarballs.</summary>
[Collection(ReleaseCollection.Name)]
public sealed class ReleaseSpecs(ReleaseBuild build, ITestOutputHelper output)
{
    // What is in a tarball beside the program: the repository's files of these names, or in folders of these names.
    private static readonly string[] _files = ["LICENSE", "README.md", "CHANGELOG.md", "docs", "example-scripts", "hocon", "systemd"];

    public static TheoryData<string> Runtimes => [.. ReleaseBuild.Runtimes];

    [Fact]
    public void Should_give_the_same_files_when_built_again_in_another_folder()
    {
        var sums = File.ReadAllLines(Path.Combine(build.Output, "SHA256SUMS"));
        output.WriteLine(string.Join('\n', sums));
        Assert.Equal(sums.Where(line => line.Contains("linux-x64", StringComparison.Ordinal)), File.ReadAllLines(Path.Combine(build.OtherOutput, "SHA256SUMS")));
    }

    [Fact]
    public void Should_list_the_checksum_of_every_file()
    {
        var listed = Command.Run("env", "-C", build.Output, "sha256sum", "--check", "--strict", "SHA256SUMS").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var files = Directory.GetFiles(build.Output).Select(path => Path.GetFileName(path)).Where(name => name != "SHA256SUMS");
        Assert.Equal(files.Select(name => $"{name}: OK").Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        Assert.Equal(2 * ReleaseBuild.Runtimes.Count, listed.Length);
    }

    [Theory]
    [MemberData(nameof(Runtimes))]
    public void Should_hold_the_program_and_the_files_of_the_repository_that_go_with_it(string runtime)
    {
        var expected = Command.Run(["git", "-C", build.Clone, "ls-files", "-s", "--", .. _files]).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split([' ', '\t'], 4))
            .ToDictionary(fields => fields[3], fields => fields[0][^3..] == "755");
        expected["bin/gwlbtun"] = expected["bin/createdump"] = true;
        var folder = build.Unpacked(runtime);
        var program = Directory.GetFiles(Path.Combine(folder, "bin")).Select(path => Path.GetRelativePath(folder, path)).ToList();
        foreach (var part in program)
            expected.TryAdd(part, false);
        var found = Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
            .ToDictionary(path => Path.GetRelativePath(folder, path), path => File.GetUnixFileMode(path).HasFlag(UnixFileMode.OtherExecute));

        Assert.Equal(expected.OrderBy(file => file.Key, StringComparer.Ordinal), found.OrderBy(file => file.Key, StringComparer.Ordinal));
        foreach (var part in new[] { "gwlbtun.dll", "Gwlbtun.Native.dll", "Akka.dll", "libcoreclr.so", "gwlbtun.conf" })
            Assert.Contains($"bin/{part}", program);
    }

    [Theory]
    [MemberData(nameof(Runtimes))]
    public void Should_hold_nothing_of_who_built_it_and_when(string runtime)
    {
        var committed = DateTimeOffset.FromUnixTimeSeconds(CommitTime()).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        var lines = Command.Run("tar", "--utc", "--full-time", "--numeric-owner", "-tvzf", build.Tarball(runtime)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(lines);
        Assert.All(lines, line => Assert.Matches($"^[-d]rw(-r--r--|xr-xr-x) 0/0 +[0-9]+ {committed} gwlbtun-{ReleaseBuild.Version}/", line));
    }

    [Theory]
    [InlineData("linux-x64", Machine.ElfX64, Machine.ReadyToRunX64)]
    [InlineData("linux-arm64", Machine.ElfArm64, Machine.ReadyToRunArm64)]
    public void Should_hold_code_for_its_processor_only(string runtime, ushort elf, ushort readyToRun)
    {
        var files = Directory.GetFiles(Path.Combine(build.Unpacked(runtime), "bin"), "*", SearchOption.AllDirectories);
        var native = files.Where(file => Machine.OfElf(file) is not null).ToDictionary(file => Path.GetFileName(file), Machine.OfElf);
        Assert.Contains("gwlbtun", native.Keys);
        Assert.Contains("libcoreclr.so", native.Keys);
        Assert.All(native, file => Assert.Equal(elf, file.Value));

        var compiled = files.Where(file => file.EndsWith(".dll", StringComparison.Ordinal)).ToDictionary(file => Path.GetFileName(file), Machine.OfReadyToRun);
        foreach (var ours in new[] { "gwlbtun.dll", "Gwlbtun.Native.dll", "Akka.dll", "System.Private.CoreLib.dll" })
            Assert.Equal(readyToRun, compiled[ours]);
        Assert.All(compiled, file => Assert.True(file.Value is null || file.Value == readyToRun, $"{file.Key} is for machine {file.Value:x}"));
        output.WriteLine($"bin for {runtime}: {files.Sum(file => new FileInfo(file).Length) / 1e6:f1} MB in {files.Length} files");
    }

    [Fact]
    public void Should_be_of_the_version_of_the_tag()
    {
        var commit = Command.Run("git", "-C", build.Clone, "rev-parse", "HEAD")[..10];
        var program = Path.Combine(build.Unpacked("linux-x64"), "bin", "gwlbtun");
        Assert.Equal($"gwlbtun {ReleaseBuild.Version} ({commit})\n", Run("--version"));
        Assert.StartsWith($"gwlbtun {ReleaseBuild.Version}:", Run("--help"), StringComparison.Ordinal);

        // Without a .NET that is installed: it brings its own.
        string Run(string option) => Command.Run("env", "-i", program, option);
    }

    [Theory]
    [MemberData(nameof(Runtimes))]
    public void Should_list_every_package_and_the_runtime_as_its_materials(string runtime)
    {
        var materials = JsonDocument.Parse(File.ReadAllText(build.Materials(runtime))).RootElement;
        var packages = materials.GetProperty("components").EnumerateArray().Select(component => component.GetProperty("purl").GetString()!).ToList();
        var locked = JsonDocument.Parse(File.ReadAllText(Path.Combine(build.Clone, "src/Gwlbtun.Actors/packages.lock.json"))).RootElement.GetProperty("dependencies")
            .EnumerateObject().SelectMany(target => target.Value.EnumerateObject())
            .Where(package => package.Value.GetProperty("type").GetString() != "Project")
            .Select(package => $"pkg:nuget/{package.Name}@{package.Value.GetProperty("resolved").GetString()}");
        var shipped = JsonDocument.Parse(File.ReadAllText(Path.Combine(build.Unpacked(runtime), "bin/gwlbtun.deps.json"))).RootElement.GetProperty("libraries")
            .EnumerateObject().Where(library => library.Name.StartsWith("runtimepack.", StringComparison.Ordinal))
            .Select(library => $"pkg:nuget/{library.Name["runtimepack.".Length..].Replace('/', '@')}").ToList();

        Assert.Contains(shipped, pack => pack.StartsWith($"pkg:nuget/Microsoft.NETCore.App.Runtime.{runtime}@10.", StringComparison.Ordinal));
        Assert.Equal(locked.Concat(shipped).Distinct().Order(StringComparer.Ordinal), packages.Order(StringComparer.Ordinal));
        var metadata = materials.GetProperty("metadata");
        Assert.Equal(ReleaseBuild.Version, metadata.GetProperty("component").GetProperty("version").GetString());
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(CommitTime()), metadata.GetProperty("timestamp").GetDateTimeOffset());
        Assert.False(materials.TryGetProperty("serialNumber", out _));
    }

    [Fact]
    public async Task Should_refuse_what_is_not_committed()
    {
        await File.AppendAllTextAsync(Path.Combine(build.OtherClone, "README.md"), "changed\n");
        try
        {
            var (exitCode, said) = await ReleaseBuild.RunAsync(build.OtherClone);
            Assert.Equal(1, exitCode);
            Assert.Contains("README.md", said, StringComparison.Ordinal);
            Assert.Contains("--allow-dirty", said, StringComparison.Ordinal);
        }
        finally
        {
            Command.Run("git", "-C", build.OtherClone, "checkout", "-q", "README.md");
        }
    }

    [Fact]
    public async Task Should_refuse_a_version_that_the_changelog_does_not_know()
    {
        Command.Run("git", "-C", build.OtherClone, "tag", "v9.8.8");
        try
        {
            var (exitCode, said) = await ReleaseBuild.RunAsync(build.OtherClone);
            Assert.Equal(1, exitCode);
            Assert.Contains("[9.8.8]", said, StringComparison.Ordinal);
        }
        finally
        {
            Command.Run("git", "-C", build.OtherClone, "tag", "-d", "v9.8.8");
        }
    }

    private long CommitTime() => long.Parse(Command.Run("git", "-C", build.Clone, "log", "-1", "--format=%ct"), CultureInfo.InvariantCulture);
}
