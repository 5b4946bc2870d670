using System.Text.RegularExpressions;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>How the manifests hang together: one is made of the other.</summary>
public partial class KustomizeSpecs
{
    private const string Annotation = "gwlbtun-configuration";

    [Fact]
    public void Should_ship_the_base_as_one_file()
    {
        string[] lines = Repository.Read("k8s/gwlbtun-ds.yaml").Split('\n');
        string manifest = string.Join('\n', lines.SkipWhile(line => line.StartsWith('#')));

        // To make it anew: (grep '^#' k8s/gwlbtun-ds.yaml; kubectl kustomize k8s/base) >new && mv new k8s/gwlbtun-ds.yaml
        Assert.Equal(Kustomization.Build(Repository.PathOf("k8s/base")), manifest);
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_name_the_configuration_with_its_hash_wherever_it_is_named(string source)
    {
        Deployment deployment = Deployment.Of(source);
        string name = deployment.Configuration.Metadata.Name;

        Assert.Matches(HashedName(), name);
        Assert.Equal(name, deployment.DaemonSet.Spec.Template.Metadata.Annotations[Annotation]);
        Assert.Equal(name, Assert.Single(deployment.Pod.Volumes, v => v.ConfigMap is not null).ConfigMap.Name);
        Assert.Equal(deployment.DaemonSet.Metadata.NamespaceProperty, deployment.Configuration.Metadata.NamespaceProperty);
    }

    [Theory]
    [InlineData("base/gwlbtun.conf", "30s", "31s")]
    [InlineData("overlays/two-arm/hook.sh", "create-nat.sh", "create-nat-overlapping.sh")]
    public void Should_roll_the_pods_when_a_setting_or_a_hook_changes_and_only_then(string file, string old, string @new)
    {
        using var copy = new Kustomization.Copy();
        string before = copy.Build("overlays/two-arm");
        Assert.Equal(Kustomization.Build(Repository.PathOf("k8s/overlays/two-arm")), before);

        copy.Replace(file, old, @new);
        Deployment changed = Deployment.Parse("changed", copy.Build("overlays/two-arm"));

        Assert.NotEqual(
            Deployment.Parse("before", before).DaemonSet.Spec.Template.Metadata.Annotations[Annotation],
            changed.DaemonSet.Spec.Template.Metadata.Annotations[Annotation]);
    }

    [Fact]
    public void Should_differ_in_hooks_alone_except_for_privileges()
    {
        foreach (string overlay in new[] { "k8s/overlays/one-arm", "k8s/overlays/two-arm" })
        {
            Assert.Equal(WithoutHash(Kustomization.Build(Repository.PathOf("k8s/base")), "DaemonSet"), WithoutHash(Kustomization.Build(Repository.PathOf(overlay)), "DaemonSet"));
            Assert.Equal(Deployment.Of("k8s/base").Configuration.Data["gwlbtun.conf"], Deployment.Of(overlay).Configuration.Data["gwlbtun.conf"]);
            Assert.NotEqual(Deployment.Of("k8s/base").Configuration.Data["hook.sh"], Deployment.Of(overlay).Configuration.Data["hook.sh"]);
        }

        Assert.Equal(Deployment.Of("k8s/overlays/two-arm").Configuration.Data, Deployment.Of("k8s/overlays/privileged").Configuration.Data);
    }

    private static string WithoutHash(string yaml, string kind) =>
        HashedName().Replace(yaml.Split("\n---\n").Single(document => document.Contains($"\nkind: {kind}\n", StringComparison.Ordinal)), "gwlbtun");

    [GeneratedRegex(@"\bgwlbtun-[a-z0-9]{10}\b")]
    private static partial Regex HashedName();
}
