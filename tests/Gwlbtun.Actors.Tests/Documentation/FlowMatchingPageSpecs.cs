using System.Text.RegularExpressions;
using Xunit;

namespace Gwlbtun.Actors.Tests.Documentation;

/// <summary>Holds docs/flow-matching.md to the tests that it names as proof, and to the sources that it cites.</summary>
public partial class FlowMatchingPageSpecs
{
    private static readonly string _repository = FindRepository();
    private static readonly string _page = File.ReadAllText(Path.Combine(_repository, "docs/flow-matching.md"));

    [Fact]
    public void Should_name_only_tests_that_exist()
    {
        var sources = Directory.GetFiles(Path.Combine(_repository, "tests"), "*Specs*.cs", SearchOption.AllDirectories).Select(File.ReadAllText).ToList();
        var named = Test().Matches(_page);

        Assert.NotEmpty(named);
        Assert.All(named, test => Assert.Contains(sources, source => Declares(source, test.Groups[1].Value, test.Groups[2].Value)));
    }

    [Fact]
    public void Should_link_only_to_sources_that_it_lists_and_use_them_all()
    {
        var listed = Source().Matches(_page).Select(source => source.Groups[1].Value).ToHashSet();
        var cited = Citation().Matches(_page).Select(citation => citation.Groups[1].Value).ToHashSet();

        Assert.NotEmpty(listed);
        Assert.Equal(listed.Order(), cited.Order());
    }

    private static bool Declares(string source, string type, string method) =>
        Regex.IsMatch(source, $@"\bclass {type}\b") && Regex.IsMatch(source, $@"\bpublic (?:async )?(?:void|Task) {method}\(");

    private static string FindRepository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "gwlbtun.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not run from within the repository.");
        return folder;
    }

    [GeneratedRegex(@"`(\w+Specs)\.(Should_\w+)`")]
    private static partial Regex Test();

    [GeneratedRegex(@"^\[(\w+)\]: https://github\.com/[^/]+/[^/]+/blob/[0-9a-f]{40}/\S+$", RegexOptions.Multiline)]
    private static partial Regex Source();

    [GeneratedRegex(@"\]\[(\w+)\]")]
    private static partial Regex Citation();
}
