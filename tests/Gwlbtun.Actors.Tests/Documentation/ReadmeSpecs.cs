using System.Text.RegularExpressions;
using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Actors.Tests.Documentation;

/// <summary>Holds README.md and docs/ to what there is.</summary>
public partial class ReadmeSpecs
{
    private static readonly string _readme = Repository.Read("README.md");

    public static TheoryData<string> Pages { get; } =
        ["README.md", .. Directory.GetFiles(Repository.PathOf("docs"), "*.md").Select(page => Path.GetRelativePath(Repository.Root, page))];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Should_link_only_to_files_that_exist(string page)
    {
        var folder = Path.GetDirectoryName(Repository.PathOf(page))!;
        var targets = LocalLink().Matches(Repository.Read(page)).Select(link => link.Groups[1].Value);

        Assert.All(targets, target => Assert.True(Path.Exists(Path.Combine(folder, target)), target));
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Should_name_only_files_and_folders_of_the_repository_that_exist(string page)
    {
        var paths = RepositoryPath().Matches(Repository.Read(page)).Select(path => path.Groups[1].Value);

        Assert.All(paths, path => Assert.True(Directory.EnumerateFileSystemEntries(Repository.Root, path).Any(), path));
    }

    [Fact]
    public void Should_name_only_options_that_exist()
    {
        var forms = CommandOptions.All.SelectMany(option => option.Forms.Split(", ")).ToHashSet();
        var named = Section("Options").Concat(Section("Configuration")).Concat(Section("Hooks")).Concat(Section("Health")).Concat(Section("Troubleshooting"))
            .SelectMany(line => Option().Matches(line)).Select(option => option.Groups[1].Value).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, option => Assert.Contains(option, forms));
    }

    [Fact]
    public void Should_list_every_option_that_has_an_effect()
    {
        var listed = Section("Options").SelectMany(line => Option().Matches(line)).Select(option => option.Groups[1].Value).ToHashSet();
        var left = CommandOptions.All.Where(option => !listed.Contains(option.Name));

        Assert.Equal([CommandOptions.Ebpf, CommandOptions.EbpfInterface], left);
    }

    [Fact]
    public void Should_name_only_keys_that_exist()
    {
        var named = Key().Matches(_readme).Select(key => key.Groups[1].Value).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, key => Assert.Contains(SettingKeys.All, k => k.Path == key || k.Path.StartsWith(key + ".", StringComparison.Ordinal)));
    }

    [Fact]
    public void Should_name_only_drop_reasons_that_exist()
    {
        var reasons = Enum.GetValues<DropReason>().Select(DropCounts.Name).ToHashSet();
        var named = Section("Troubleshooting").SelectMany(line => CamelCase().Matches(line)).Select(reason => reason.Groups[1].Value).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, reason => Assert.Contains(reason, reasons));
    }

    [Fact]
    public void Should_list_the_example_scripts_that_there_are()
    {
        var listed = Section("Hooks").SelectMany(line => Script().Matches(line)).Select(script => script.Groups[1].Value);
        var scripts = Directory.GetFiles(Repository.PathOf("example-scripts"), "create-*.sh").Select(script => Path.GetFileName(script));

        Assert.Equal(scripts.Order(), listed.Order());
    }

    [Fact]
    public void Should_name_only_variables_that_the_handler_or_its_hooks_read()
    {
        var scripts = string.Concat(Directory.GetFiles(Repository.PathOf("example-scripts")).Select(File.ReadAllText));
        string[] toHooks = ["GWLBTUN_ACTION", "GWLBTUN_IN_INTERFACE", "GWLBTUN_OUT_INTERFACE", "GWLBTUN_ENI", "GWLBTUN_VPCE_ID", "GWLBTUN_NETNS", "GWLBTUN_MAIN_NETNS"];
        var known = SettingKeys.All.Select(key => key.EnvironmentName).Concat(toHooks).ToHashSet();
        var named = Variable().Matches(_readme).Select(variable => variable.Value).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, variable => Assert.True(known.Contains(variable) || scripts.Contains($"{{{variable}", StringComparison.Ordinal), variable));
    }

    private static IEnumerable<string> Section(string title) =>
        _readme.Split('\n').SkipWhile(line => line != $"## {title}").Skip(1).TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal));


    [GeneratedRegex(@"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")]
    private static partial Regex LocalLink();

    [GeneratedRegex(@"`((?:src|tests|docs|hocon|docker|k8s|example-scripts)/[^`]+)`")]
    private static partial Regex RepositoryPath();

    [GeneratedRegex(@"`(--?[a-z-]+)(?: [^`]*)?`")]
    private static partial Regex Option();

    [GeneratedRegex(@"`((?:geneve|threads|tunnel|flows|hooks|health|shutdown|restart|logging)\.[a-z.-]*[a-z])`")]
    private static partial Regex Key();

    [GeneratedRegex("(?:GWLBTUN|HOOK)_[A-Z_]*[A-Z]")]
    private static partial Regex Variable();

    [GeneratedRegex("^\\| `([a-z]+[A-Z][A-Za-z]+)`")]
    private static partial Regex CamelCase();

    [GeneratedRegex(@"^\| `(create-[a-z0-9-]+\.sh)`")]
    private static partial Regex Script();
}
