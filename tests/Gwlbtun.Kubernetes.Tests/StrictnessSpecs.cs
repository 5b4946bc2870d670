using Gwlbtun.Shared;
using Xunit;
using YamlDotNet.Core;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>That a manifest with a field that Kubernetes does not have, or has elsewhere, would not pass here: an API server may drop it without a word.</summary>
public class StrictnessSpecs
{
    [Theory]
    [InlineData("hostNetwork: true", "hostNetwrok: true")]
    [InlineData("maxSurge: 0", "maxSuerge: 0")]
    [InlineData("failureThreshold: 30", "failureTreshold: 30")]
    [InlineData("containerPort: 6081", "containerport: 6081")]
    [InlineData("allowPrivilegeEscalation: false", "allowPrivilegedEscalation: false")]
    [InlineData("defaultMode: 365", "mode: 365")]
    public void Should_refuse_a_field_that_does_not_exist(string field, string misspelt)
    {
        string manifest = Repository.Read("k8s/gwlbtun-ds.yaml");
        Assert.Contains(field, manifest, StringComparison.Ordinal);

        var refusal = Assert.ThrowsAny<YamlException>(() => Deployment.Parse("misspelt", manifest.Replace(field, misspelt, StringComparison.Ordinal)));

        Assert.Contains(misspelt[..misspelt.IndexOf(':', StringComparison.Ordinal)], refusal.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hostNetwork: true", "hostNetwork: perhaps")]
    [InlineData("terminationGracePeriodSeconds: 180", "terminationGracePeriodSeconds: 180s")]
    [InlineData("hostNetwork: true", "hostNetwork: true\n      hostNetwork: true")]
    public void Should_refuse_a_value_of_another_type_and_a_field_given_twice(string field, string wrong)
    {
        string manifest = Repository.Read("k8s/gwlbtun-ds.yaml");
        Assert.Contains(field, manifest, StringComparison.Ordinal);

        Assert.ThrowsAny<YamlException>(() => Deployment.Parse("wrong", manifest.Replace(field, wrong, StringComparison.Ordinal)));
    }

    [Fact]
    public void Should_refuse_a_field_that_a_kustomization_does_not_have()
    {
        using var copy = new Kustomization.Copy();
        copy.Replace("base/kustomization.yaml", "configMapGenerator:", "configMapGenerators:");

        var refusal = Assert.Throws<InvalidOperationException>(() => copy.Build("base"));

        Assert.Contains("configMapGenerators", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_refuse_a_field_that_a_patch_brings_in()
    {
        using var copy = new Kustomization.Copy();
        copy.Replace("overlays/privileged/privileged.yaml", "privileged: true", "priviliged: true");

        Assert.ThrowsAny<YamlException>(() => Deployment.Parse("patched", copy.Build("overlays/privileged")));
    }

    [Fact]
    public void Should_refuse_a_key_that_the_configuration_does_not_have()
    {
        using var copy = new Kustomization.Copy();
        copy.Replace("base/gwlbtun.conf", "shutdown.drain", "shutdown.drian");
        using var mounted = new MountedConfiguration(Deployment.Parse("misspelt", copy.Build("base")));

        var exit = Assert.IsType<Actors.CommandLine.StartupDecision.Exit>(mounted.Decide());

        Assert.Equal(1, exit.Code);
        Assert.Contains("Did you mean shutdown.drain?", exit.Error, StringComparison.Ordinal);
    }
}
