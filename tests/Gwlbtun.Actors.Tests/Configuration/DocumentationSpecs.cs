using System.Text.RegularExpressions;
using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

/// <summary>Holds hocon/gwlbtun.conf, docs/configuration.md and the code together.</summary>
public partial class DocumentationSpecs
{

    [Fact]
    public void Should_have_a_default_in_gwlbtun_conf_for_every_key_in_the_same_order()
    {
        var errors = new List<ConfigurationError>();
        HoconObject document = HoconParser.ParseText(ConfigurationLoader.DefaultsText(), _ => SettingOrigin.BuiltIn.Instance);
        ConfigurationLayer layer = ConfigurationLayer.FromHocon(new HoconResolver(document, null, Decide.NoEnvironment).Resolve(), errors);

        Assert.Empty(errors);
        Assert.Equal(SettingKeys.All.Select(k => k.Path), layer.Values.Keys.Select(k => k.Path));
    }

    [Fact]
    public void Should_name_variable_and_option_above_every_key_of_gwlbtun_conf()
    {
        foreach (SettingKey key in SettingKeys.All)
        {
            string comment = CommentAbove(key);

            Assert.Matches($@"environment: {key.EnvironmentName}(\s|$)", comment);
            foreach (CommandOption option in CommandOptions.All.Where(o => o.Key == key))
                Assert.Contains($"option: {option.Forms}", comment, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Should_list_every_key_variable_default_and_option_in_the_manual()
    {
        string[] rows = [.. File.ReadLines(Repository.PathOf("docs/configuration.md")).Where(l => l.StartsWith("| `", StringComparison.Ordinal))];
        EffectiveConfiguration defaults = Load();

        foreach (SettingKey key in SettingKeys.All)
        {
            string row = Assert.Single(rows, r => r.StartsWith($"| `{key.Path}` |", StringComparison.Ordinal));
            Assert.Contains($"| `{HoconWriter.WriteValue(defaults[key])}` |", row, StringComparison.Ordinal);
            Assert.Contains($"`{key.EnvironmentName}`", row, StringComparison.Ordinal);
            foreach (CommandOption option in CommandOptions.All.Where(o => o.Key == key))
                Assert.All(option.Forms.Split(", "), form => Assert.Contains($"`{form}", row, StringComparison.Ordinal));
        }

        Assert.All(CommandOptions.All, option => Assert.Contains(rows, r => r.Contains($"`{option.Name}", StringComparison.Ordinal)));
    }

    [Fact]
    public void Should_name_no_key_or_variable_in_the_manuals_that_does_not_exist()
    {
        string[] ours = [.. SettingKeys.All.Select(k => k.EnvironmentName), "GWLBTUN_ACTION", "GWLBTUN_IN_INTERFACE", "GWLBTUN_OUT_INTERFACE", "GWLBTUN_ENI", "GWLBTUN_VPCE_ID", "GWLBTUN_NETNS", "GWLBTUN_MAIN_NETNS"];
        foreach (string manual in new[] { "docs/configuration.md", "docs/migrating.md" })
        {
            string text = Repository.Read(manual);
            Assert.All(Variable().Matches(text), v => Assert.Contains(v.Value, ours));
            Assert.All(
                Key().Matches(text).Select(m => m.Groups[1].Value),
                key => Assert.Contains(SettingKeys.All, k => k.Path == key || k.Path.StartsWith(key + ".", StringComparison.Ordinal)));
        }
    }

    private static string CommentAbove(SettingKey key)
    {
        string[] lines = ConfigurationLoader.DefaultsText().Split('\n');
        HoconNode node = HoconParser.ParseText(ConfigurationLoader.DefaultsText(), line => new SettingOrigin.File("conf", line));
        foreach (string segment in key.Path.Split('.'))
            node = ((HoconObject)node).Members[segment];
        int end = ((SettingOrigin.File)node.Origin).Line - 1;
        int start = end;
        while (lines[start - 1].TrimStart().StartsWith('#'))
            start--;
        return string.Join('\n', lines[start..end]);
    }

    private static EffectiveConfiguration Load() =>
        ConfigurationLoader.Load(new ConfigurationSources(null, Decide.NoEnvironment, new ConfigurationLayer(), [0])).Effective;

    [GeneratedRegex("GWLBTUN_[A-Z_]*[A-Z]")]
    private static partial Regex Variable();

    [GeneratedRegex(@"`((?:geneve|threads|tunnel|flows|hooks|health|shutdown|restart|logging)\.[a-z.-]*[a-z])(?: = [^`]*)?`")]
    private static partial Regex Key();
}
