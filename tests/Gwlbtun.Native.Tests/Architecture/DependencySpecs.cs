using System.Text.RegularExpressions;
using System.Xml.Linq;
using Gwlbtun.Native.Flows;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Architecture;

/// <summary>Dependencies point one way, as docs and folders say: Actors → Native; inside it Forwarding → Offload, Uplink, Matching → Flows → Wire, Linux.</summary>
public partial class DependencySpecs
{

    // What each folder of Native may use.
    private static readonly Dictionary<string, string[]> _below = new()
    {
        ["Linux"] = [],
        ["Wire"] = [],
        ["Flows"] = ["Wire", "Linux"],
        ["Matching"] = ["Flows", "Wire", "Linux"],
        ["Uplink"] = ["Wire", "Linux"],
        ["Offload"] = ["Wire", "Linux"],
        ["Forwarding"] = ["Offload", "Uplink", "Matching", "Flows", "Wire", "Linux"],
    };

    public static TheoryData<string> Folders => [.. _below.Keys];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Should_use_only_what_lies_below(string folder)
    {
        string[] wrong = [.. from file in SourcesIn(Path.Combine("src", "Gwlbtun.Native", folder))
                             from Match match in FolderName().Matches(WithoutComments(file))
                             let used = match.Groups["folder"].Value
                             where used != folder && !_below[folder].Contains(used)
                             select $"{Path.GetRelativePath(Repository.Root, file)} uses {used}"];

        Assert.Empty(wrong.Distinct());
    }

    [Fact]
    public void Should_know_every_folder_of_the_data_plane()
    {
        string[] folders = [.. SourcesIn(Path.Combine("src", "Gwlbtun.Native"))
            .Select(file => Path.GetRelativePath(Path.Combine(Repository.Root, "src", "Gwlbtun.Native"), file))
            .Where(file => file.Contains(Path.DirectorySeparatorChar))
            .Select(file => file.Split(Path.DirectorySeparatorChar)[0])
            .Distinct()];

        Assert.NotEmpty(folders);
        Assert.Empty(folders.Except(_below.Keys));
    }

    [Theory]
    [InlineData("Gwlbtun.Native")]
    [InlineData("Gwlbtun.Actors")]
    public void Should_keep_each_type_in_the_namespace_of_its_folder(string project)
    {
        string folder = Path.Combine(Repository.Root, "src", project);
        string[] wrong = [.. from file in SourcesIn(Path.Combine("src", project))
                             let declared = DeclaredNamespace().Match(File.ReadAllText(file))
                             where declared.Success
                             let relative = Path.GetDirectoryName(Path.GetRelativePath(folder, file))!
                             let expected = relative.Length == 0 ? project : $"{project}.{relative.Replace(Path.DirectorySeparatorChar, '.')}"
                             where declared.Groups["name"].Value != expected
                             select $"{Path.GetRelativePath(Repository.Root, file)} declares {declared.Groups["name"].Value}"];

        Assert.Empty(wrong);
    }

    [Fact]
    public void Should_call_the_C_library_from_the_Linux_folder_alone()
    {
        string linux = Path.Combine(Repository.Root, "src", "Gwlbtun.Native", "Linux") + Path.DirectorySeparatorChar;
        string[] wrong = [.. SourcesIn("src")
            .Where(file => !file.StartsWith(linux, StringComparison.Ordinal) && NativeCall().IsMatch(WithoutComments(file)))
            .Select(file => Path.GetRelativePath(Repository.Root, file))];

        Assert.Empty(wrong);
    }

    [Fact]
    public void Should_reference_nothing_from_the_data_plane_but_the_C_library_and_the_framework()
    {
        string[] wrong = [.. typeof(FlowTable).Assembly.GetReferencedAssemblies()
            .Select(assembly => assembly.Name!)
            .Where(name => name != "Tmds.LibC" && name != "System" && !name.StartsWith("System.", StringComparison.Ordinal))];

        Assert.Empty(wrong);
        Assert.Equal(["Tmds.LibC"], References("Gwlbtun.Native", "PackageReference"));
        Assert.Empty(References("Gwlbtun.Native", "ProjectReference"));
        Assert.Empty(References("Gwlbtun.Native", "FrameworkReference"));
    }

    [Fact]
    public void Should_let_the_control_plane_stand_on_the_data_plane() =>
        Assert.Equal(["../Gwlbtun.Native/Gwlbtun.Native.csproj"], References("Gwlbtun.Actors", "ProjectReference"));

    private static string[] References(string project, string kind) =>
        [.. XDocument.Load(Path.Combine(Repository.Root, "src", project, $"{project}.csproj")).Descendants(kind).Select(reference => reference.Attribute("Include")!.Value)];

    private static IEnumerable<string> SourcesIn(string folder)
    {
        string path = Repository.PathOf(folder);
        return !Directory.Exists(path) ? [] : Directory.EnumerateFiles(path, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));
    }

    private static string WithoutComments(string file) => Comment().Replace(File.ReadAllText(file), "");

    [GeneratedRegex(@"(?m)//.*$|/\*[\s\S]*?\*/")]
    private static partial Regex Comment();

    // "using Gwlbtun.Native.Wire;", "Gwlbtun.Native.Wire.EniName" or, from a neighbouring namespace, "Wire.EniName".
    [GeneratedRegex(@"(?:Gwlbtun\.Native\.(?<folder>[A-Z]\w*)|(?<![\w.])(?<folder>Linux|Wire|Flows|Matching|Offload|Uplink|Forwarding)\.[A-Z])")]
    private static partial Regex FolderName();

    [GeneratedRegex(@"(?m)^namespace (?<name>[\w.]+);")]
    private static partial Regex DeclaredNamespace();

    [GeneratedRegex(@"\b(?:LibraryImport|DllImport)\b|\bTmds\b")]
    private static partial Regex NativeCall();
}
