using System.Text.RegularExpressions;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Actors.Tests.Documentation;

/// <summary>Holds docs/health.md to the reasons and settings that there are.</summary>
public partial class HealthPageSpecs
{
    private static readonly string _page = Repository.Read("docs/health.md");

    [Fact]
    public void Should_explain_every_reason_once_and_say_rightly_whether_a_packet_is_lost()
    {
        var explained = Reason().Matches(_page).Select(row => (row.Groups[1].Value, row.Groups[2].Value));
        var reasons = Enum.GetValues<DropReason>().Where(reason => reason != DropReason.None)
            .Select(reason => (DropCounts.Name(reason), reason.IsLoss() ? "yes" : "no"));

        Assert.Equal(reasons.Order(), explained.Order());
    }

    [Fact]
    public void Should_name_only_keys_of_the_configuration_that_exist()
    {
        var named = Key().Matches(_page).Select(key => key.Groups[1].Value).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, key => Assert.Contains(SettingKeys.All, k => k.Path == key || k.Path.StartsWith(key + ".", StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"^\| `(\w+)` \| [^|]+ \| (yes|no) \|", RegexOptions.Multiline)]
    private static partial Regex Reason();

    [GeneratedRegex(@"`((?:geneve|threads|tunnel|flows|hooks|health|shutdown|restart|logging)\.[a-z.-]*[a-z])`")]
    private static partial Regex Key();
}
