using System.Text.RegularExpressions;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Actors.Tests.Configuration;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Actors.Tests.Documentation;

/// <summary>Holds docs/flow-matching.md to the tests that it names as proof, to the settings and drop reasons that there are, and to the sources that it lists.</summary>
public partial class FlowMatchingPageSpecs
{
    private static readonly string _page = Repository.Read("docs/flow-matching.md");

    [Fact]
    public void Should_name_only_tests_that_exist()
    {
        var sources = Directory.GetFiles(Repository.PathOf("tests"), "*Specs*.cs", SearchOption.AllDirectories).Select(File.ReadAllText).ToList();
        var named = Test().Matches(_page);

        Assert.NotEmpty(named);
        Assert.All(named, test => Assert.Contains(sources, source => Declares(source, test.Groups[1].Value, test.Groups[2].Value)));
    }

    [Fact]
    public void Should_name_a_test_for_every_case() =>
        Assert.All(Rows("Case by case"), row => Assert.True(Test().IsMatch(row[^1]), row[0]));

    [Fact]
    public void Should_link_only_to_sources_that_it_lists_and_use_them_all()
    {
        var listed = Source().Matches(_page).Select(source => source.Groups[1].Value).ToHashSet();
        var cited = Citation().Matches(_page).Select(citation => citation.Groups[1].Value).ToHashSet();

        Assert.NotEmpty(listed);
        Assert.Equal(listed.Order(), cited.Order());
    }

    [Fact]
    public void Should_state_the_default_of_every_setting_of_flows()
    {
        var effective = ConfigurationLoader.Load(new ConfigurationSources(null, Decide.NoEnvironment, new ConfigurationLayer(), [0])).Effective;
        var stated = Rows("Bounds and time-outs").Select(row => (Default: Code().Match(row[1]), Key: Code().Match(row[2])))
            .Where(row => row.Key.Success)
            .Select(row => (row.Key.Groups[1].Value, row.Default.Groups[1].Value));
        var settings = SettingKeys.All.Where(key => key.Path.StartsWith("flows.", StringComparison.Ordinal))
            .Select(key => (key.Path, HoconWriter.WriteValue(effective[key])));

        Assert.Equal(settings.Order(), stated.Order());
    }

    [Fact]
    public void Should_say_rightly_of_a_drop_reason_whether_a_packet_is_lost()
    {
        var reasons = Enum.GetValues<DropReason>().ToDictionary(DropCounts.Name);
        var rows = Rows("What is counted as what").Select(row => (Reason: Code().Match(row[0]).Groups[1].Value, Lost: row[2])).ToList();

        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(reasons[row.Reason].IsLoss() ? "yes" : "no", row.Lost));
    }

    // The cells of each row of the tables of a section, without their heads.
    private static IEnumerable<string[]> Rows(string section) => _page.Split('\n')
        .SkipWhile(line => line != $"## {section}").Skip(1).TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
        .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| ---", StringComparison.Ordinal))
        .Select(line => line.Trim()[1..^1].Split('|', StringSplitOptions.TrimEntries))
        .Where(cells => cells[0] is not ("what" or "reason" or "case"));

    private static bool Declares(string source, string type, string method) =>
        Regex.IsMatch(source, $@"\bclass {type}\b") && Regex.IsMatch(source, $@"\bpublic (?:async |unsafe )?(?:void|Task) {method}\(");

    [GeneratedRegex(@"`(\w+Specs)\.(Should_\w+)`")]
    private static partial Regex Test();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^\[(\w+)\]: https://github\.com/[^/]+/[^/]+/blob/[0-9a-f]{40}/\S+$", RegexOptions.Multiline)]
    private static partial Regex Source();

    [GeneratedRegex(@"\]\[(\w+)\]")]
    private static partial Regex Citation();
}
