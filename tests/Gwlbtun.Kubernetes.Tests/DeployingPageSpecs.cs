using System.Globalization;
using System.Text.RegularExpressions;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>Holds docs/deploying.md to the measurements, manifests, settings and tests that it speaks of.</summary>
public partial class DeployingPageSpecs
{
    private static readonly string _page = Repository.Read("docs/deploying.md");

    [Fact]
    public void Should_take_the_cost_of_a_packet_from_the_measurements()
    {
        // case -> machine time above the floor, over the NIC-like link
        var measured = Repository.Read("docs/performance.md").Split('\n').Select(line => Measured().Match(line)).Where(row => row.Success)
            .ToDictionary(row => row.Groups["case"].Value, row => Number(row, "machine") - Number(row, "floor"));
        var stated = Stated().Matches(_page).Select(row => (Case: row.Groups["case"].Value, Microseconds: Number(row, "us"))).ToList();

        Assert.NotEmpty(stated);
        Assert.All(stated, row => Assert.Equal(measured[row.Case], row.Microseconds));
    }

    [Fact]
    public void Should_say_what_the_manifests_say()
    {
        Deployment deployment = Deployment.Of("k8s/base");
        using var mounted = new MountedConfiguration(deployment);
        GatewaySettings settings = mounted.Settings();

        Assert.Contains($"drain for {settings.Shutdown.Drain.TotalSeconds} s", _page, StringComparison.Ordinal);
        Assert.Contains($"grace period of {deployment.Pod.TerminationGracePeriodSeconds} s", _page, StringComparison.Ordinal);
        Assert.Contains($"waits {deployment.DaemonSet.Spec.MinReadySeconds} s (`minReadySeconds`)", _page, StringComparison.Ordinal);
        Assert.Contains($"({(settings.Hooks.Timeout + settings.Hooks.KillGrace).TotalSeconds} s each)", _page, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_name_only_tests_that_exist()
    {
        var sources = Directory.GetFiles(Repository.PathOf("tests"), "*Specs.cs", SearchOption.AllDirectories).Select(Path.GetFileNameWithoutExtension).ToHashSet();
        var named = Specs().Matches(_page).Select(name => name.Groups[1].Value).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, name => Assert.Contains(name, sources));
    }

    [Fact]
    public void Should_name_only_keys_that_exist()
    {
        var named = Key().Matches(_page).Select(key => key.Groups[1].Value).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, key => Assert.Contains(SettingKeys.All, k => k.Path == key || k.Path.StartsWith(key + ".", StringComparison.Ordinal)));
    }

    private static decimal Number(Match row, string group) => decimal.Parse(row.Groups[group].Value, CultureInfo.InvariantCulture);

    // | case | link | gwlbtun kpps | peer kpps | ratio | gwlbtun handler µs | peer handler µs | ratio | floor machine µs | gwlbtun machine µs | ...
    [GeneratedRegex(@"^\| `(?<case>[\w-]+)` \| nic \|(?:[^|]*\|){6} (?<floor>[\d.]+) \| (?<machine>[\d.]+) \|")]
    private static partial Regex Measured();

    [GeneratedRegex(@"^\| [^|]*\(`(?<case>[\w-]+)`\) \| (?<us>[\d.]+) \|$", RegexOptions.Multiline)]
    private static partial Regex Stated();

    [GeneratedRegex(@"`(\w+Specs)`")]
    private static partial Regex Specs();

    [GeneratedRegex(@"`((?:geneve|threads|tunnel|flows|hooks|health|shutdown|restart|logging)\.[a-z.-]*[a-z])`")]
    private static partial Regex Key();
}
