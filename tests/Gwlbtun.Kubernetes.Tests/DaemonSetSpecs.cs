using System.Globalization;
using Gwlbtun.Shared;
using k8s.Models;
using Xunit;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>What a handler on a node asks of Kubernetes, whichever manifest it is applied by.</summary>
public class DaemonSetSpecs
{
    private const string Health = "health";

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_select_its_own_pods(string source)
    {
        V1DaemonSetSpec spec = Deployment.Of(source).DaemonSet.Spec;

        Assert.NotEmpty(spec.Selector.MatchLabels);
        Assert.All(spec.Selector.MatchLabels, label => Assert.Equal(label.Value, spec.Template.Metadata.Labels[label.Key]));
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_never_have_two_handlers_on_a_node(string source)
    {
        V1DaemonSetUpdateStrategy strategy = Deployment.Of(source).DaemonSet.Spec.UpdateStrategy;

        Assert.Equal("RollingUpdate", strategy.Type);
        Assert.Equal("0", $"{strategy.RollingUpdate.MaxSurge}");
        Assert.Equal("1", $"{strategy.RollingUpdate.MaxUnavailable}");
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_run_in_the_network_of_every_node_that_can_have_one(string source)
    {
        V1PodSpec pod = Deployment.Of(source).Pod;
        V1NodeSelectorTerm term = Assert.Single(pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms);

        Assert.True(pod.HostNetwork);
        Assert.Null(pod.HostPID);
        Assert.Equal("linux", pod.NodeSelector["kubernetes.io/os"]);
        Assert.Equal(
            ["eks.amazonaws.com/compute-type NotIn fargate", "kubernetes.io/arch In amd64,arm64"],
            term.MatchExpressions.Select(e => $"{e.Key} {e.OperatorProperty} {string.Join(',', e.Values)}").Order());
        V1Toleration toleration = Assert.Single(pod.Tolerations);
        Assert.Equal(("Exists", null, null), (toleration.OperatorProperty, toleration.Key, toleration.Effect));
        Assert.Equal("system-node-critical", pod.PriorityClassName);
        Assert.Equal("kube-system", Deployment.Of(source).DaemonSet.Metadata.NamespaceProperty);
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_be_probed_at_the_health_port(string source)
    {
        V1Container container = Deployment.Of(source).Container;

        Assert.Equal(Health, $"{container.StartupProbe.HttpGet.Port}");
        Assert.Equal(Health, $"{container.ReadinessProbe.HttpGet.Port}");
        // 503 while it drains or rebuilds a tunnel must not restart it.
        Assert.Equal(Health, $"{container.LivenessProbe.TcpSocket.Port}");
        Assert.Null(container.LivenessProbe.HttpGet);
        Assert.Contains(container.Ports, port => port.Name == Health);
    }

    [Theory]
    [MemberData(nameof(Deployment.Unprivileged), MemberType = typeof(Deployment))]
    public void Should_hold_no_privilege_but_its_capabilities(string source)
    {
        V1SecurityContext context = Deployment.Of(source).Container.SecurityContext;

        Assert.Null(context.Privileged);
        Assert.False(context.AllowPrivilegeEscalation);
        Assert.True(context.ReadOnlyRootFilesystem);
        Assert.Equal(["ALL"], context.Capabilities.Drop);
        Assert.Null(Deployment.Of(source).Pod.InitContainers);
        Assert.False(Deployment.Of(source).Pod.AutomountServiceAccountToken);
    }

    [Fact]
    public void Should_be_privileged_only_where_it_says_so()
    {
        V1SecurityContext context = Deployment.Of("k8s/overlays/privileged").Container.SecurityContext;

        Assert.True(context.Privileged);
        // An API server refuses the two together.
        Assert.Null(context.AllowPrivilegeEscalation);
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_ask_for_what_the_page_on_deploying_justifies(string source)
    {
        V1ResourceRequirements resources = Deployment.Of(source).Container.Resources;

        Assert.Equal(["cpu=10m", "memory=300Mi"], resources.Requests.Select(r => $"{r.Key}={r.Value}").Order());
        Assert.Null(resources.Limits);
        Assert.Contains("`cpu: 10m`", Repository.Read("docs/deploying.md"), StringComparison.Ordinal);
        Assert.Contains("`memory: 300Mi`", Repository.Read("docs/deploying.md"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_mount_each_volume_once_and_no_other(string source)
    {
        Deployment deployment = Deployment.Of(source);

        Assert.Equal(deployment.Pod.Volumes.Select(v => v.Name).Order(), deployment.Container.VolumeMounts.Select(m => m.Name).Order());
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_outlast_the_load_balancers_checks(string source)
    {
        // As docs/deploying.md creates the target group.
        string page = Repository.Read("docs/deploying.md");
        TimeSpan interval = TimeSpan.FromSeconds(Option(page, "--health-check-interval-seconds"));
        using var mounted = new MountedConfiguration(Deployment.Of(source));

        Assert.True(mounted.Settings().Shutdown.Drain > interval * Option(page, "--unhealthy-threshold-count"));
        Assert.True(TimeSpan.FromSeconds(Deployment.Of(source).DaemonSet.Spec.MinReadySeconds!.Value) > interval * Option(page, "--healthy-threshold-count"));
    }

    private static int Option(string page, string option)
    {
        string[] words = page.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return int.Parse(words[Array.IndexOf(words, option) + 1], CultureInfo.InvariantCulture);
    }
}
