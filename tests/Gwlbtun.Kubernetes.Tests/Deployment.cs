using Gwlbtun.Shared;
using k8s;
using k8s.Models;
using Xunit;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>What `kubectl apply` would be given: the DaemonSet and its configuration, read strictly, so that a field that Kubernetes does not have is an error.</summary>
/// <param name="Source">The manifest or the kustomization that it comes from.</param>
/// <param name="DaemonSet">The DaemonSet.</param>
/// <param name="Configuration">The ConfigMap.</param>
internal sealed record Deployment(string Source, V1DaemonSet DaemonSet, V1ConfigMap Configuration)
{
    private static readonly string[] _sources =
        ["k8s/gwlbtun-ds.yaml", "k8s/base", "k8s/overlays/one-arm", "k8s/overlays/two-arm", "k8s/overlays/privileged"];

    private static readonly Dictionary<string, Lazy<Deployment>> _deployments =
        _sources.ToDictionary(source => source, source => new Lazy<Deployment>(() => Load(source)));

    /// <summary>Every manifest that there is to apply.</summary>
    public static TheoryData<string> All { get; } = [.. _sources];

    /// <summary>Those that are not privileged.</summary>
    public static TheoryData<string> Unprivileged { get; } = [.. _sources[..^1]];

    public static Deployment Of(string source) => _deployments[source].Value;

    public static Deployment Parse(string source, string yaml)
    {
        List<object> objects = KubernetesYaml.LoadAllFromString(yaml, strict: true);
        Assert.Equal(2, objects.Count);
        return new Deployment(source, Assert.Single(objects.OfType<V1DaemonSet>()), Assert.Single(objects.OfType<V1ConfigMap>()));
    }

    public V1PodSpec Pod => DaemonSet.Spec.Template.Spec;

    public V1Container Container => Assert.Single(Pod.Containers);

    public bool IsPrivileged => Container.SecurityContext.Privileged == true;

    /// <summary>The volume that the handler sees at a path, and how it is mounted there; null where it sees the image.</summary>
    public (V1Volume Volume, V1VolumeMount Mount)? At(string path)
    {
        V1VolumeMount? mount = Container.VolumeMounts.SingleOrDefault(m => path == m.MountPath || path.StartsWith(m.MountPath + "/", StringComparison.Ordinal));
        return mount is null ? null : (Assert.Single(Pod.Volumes, v => v.Name == mount.Name), mount);
    }

    private static Deployment Load(string source)
    {
        string path = Repository.PathOf(source);
        return Parse(source, Directory.Exists(path) ? Kustomization.Build(path) : File.ReadAllText(path));
    }
}
