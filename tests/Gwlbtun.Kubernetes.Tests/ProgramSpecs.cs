using System.Globalization;
using System.Text.RegularExpressions;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Linux;
using Gwlbtun.Shared;
using k8s.Models;
using Xunit;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>Holds what the manifests say to what the program and its image have: flags, keys, variables, hooks, ports, times and capabilities.</summary>
public partial class ProgramSpecs
{
    private static readonly string _dockerfile = Repository.Read("docker/Dockerfile");

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_start_with_these_flags_variables_and_files(string source)
    {
        using var mounted = new MountedConfiguration(Deployment.Of(source));

        GatewaySettings settings = mounted.Settings();

        Assert.NotNull(settings.Hooks.Create);
        Assert.False(settings.Hooks.Create.UsesShell);
        Assert.Equal(settings.Hooks.Create.Text, settings.Hooks.Destroy?.Text);
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_open_the_ports_that_the_program_listens_on(string source)
    {
        GatewaySettings settings = SettingsOf(source);
        IList<V1ContainerPort> ports = Deployment.Of(source).Container.Ports;

        Assert.Equal(
            [("geneve", settings.Geneve.Port, "UDP"), ("health", settings.Health.Port, "TCP")],
            ports.Select(p => (p.Name, (ushort)p.ContainerPort, p.Protocol)));
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_wait_for_drain_and_hooks_that_hang_before_it_kills(string source)
    {
        GatewaySettings settings = SettingsOf(source);
        TimeSpan hook = settings.Hooks.Timeout + settings.Hooks.KillGrace;
        TimeSpan grace = TimeSpan.FromSeconds(Deployment.Of(source).Pod.TerminationGracePeriodSeconds!.Value);

        // A CREATE may be under way when the DESTROY of as many endpoints as may run hooks at once has to wait for it.
        Assert.True(grace > settings.Shutdown.Drain + (2 * hook), $"{grace} is not more than {settings.Shutdown.Drain} + 2 x {hook}");
        Assert.Null(Deployment.Of(source).Container.Lifecycle);
    }

    [Theory]
    [MemberData(nameof(Deployment.Unprivileged), MemberType = typeof(Deployment))]
    public void Should_have_the_capabilities_that_the_program_asks_for_and_no_other(string source)
    {
        string[] granted = [.. Deployment.Of(source).Container.SecurityContext.Capabilities.Add];
        GatewaySettings settings = SettingsOf(source);

        Assert.Empty(Complaints(granted, settings));
        Assert.All(granted, capability => Assert.Contains($"CAP_{capability}", Assert.Single(Complaints(granted.Except([capability]), settings)), StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Deployment.Unprivileged), MemberType = typeof(Deployment))]
    public void Should_not_want_a_program_in_the_kernel_without_the_capability(string source) => Assert.False(SettingsOf(source).Tunnel.Steering);

    [Fact]
    public void Should_use_what_a_privileged_container_may_do() => Assert.True(SettingsOf("k8s/overlays/privileged").Tunnel.Steering);

    [Fact]
    public void Should_let_a_privileged_container_name_network_namespaces_for_the_node_to_see()
    {
        // tunnel.netns = per-endpoint; the root is read-only.
        var names = Deployment.Of("k8s/overlays/privileged").At("/run/netns/gwlb")!.Value;

        Assert.Equal(("/run/netns", "Bidirectional"), (names.Volume.HostPath.Path, names.Mount.MountPropagation));
        Assert.NotEqual(true, names.Mount.ReadOnlyProperty);
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_call_only_scripts_that_are_in_the_image(string source)
    {
        string imageFolder = WorkingDirectory().Matches(_dockerfile).Last().Groups[1].Value;
        var called = Deployment.Of(source).Configuration.Data.Values.SelectMany(text => ImagePath().Matches(text)).Select(m => m.Value).ToList();

        Assert.Matches(CopyOfScripts(), _dockerfile);
        Assert.NotEmpty(called);
        Assert.All(called, path =>
        {
            string script = Repository.PathOf(Path.Combine("example-scripts", Path.GetRelativePath(imageFolder, path)));
            Assert.True(File.Exists(script), path);
            Assert.True(File.GetUnixFileMode(script).HasFlag(UnixFileMode.OtherExecute), $"{path} is not executable");
        });
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_start_the_image_as_it_is(string source)
    {
        // The entry point runs the program; the manifest gives its arguments in place of CMD.
        Assert.Contains("ENTRYPOINT [\"./gwlbtun\"]", _dockerfile, StringComparison.Ordinal);
        Assert.Null(Deployment.Of(source).Container.Command);
        Assert.Null(Deployment.Of(source).Container.WorkingDir);
    }

    [Theory]
    [MemberData(nameof(Deployment.All), MemberType = typeof(Deployment))]
    public void Should_give_the_program_the_files_that_it_writes_and_opens(string source)
    {
        Deployment deployment = Deployment.Of(source);
        string journals = StateFolder().Match(Repository.Read("example-scripts/hook-functions.sh")).Groups[1].Value;

        // The root is read-only. Journals have to outlive the pod, as what they undo does: the node's rules and routes.
        var kept = deployment.At(journals + "/journal")!.Value;
        Assert.Equal(journals, kept.Volume.HostPath.Path);
        Assert.NotEqual(true, kept.Mount.ReadOnlyProperty);
        Assert.Equal(("/dev/net/tun", "CharDevice"), (deployment.At("/dev/net/tun")!.Value.Volume.HostPath.Path, deployment.At("/dev/net/tun")!.Value.Volume.HostPath.Type));
        Assert.NotNull(deployment.At("/tmp/file")!.Value.Volume.EmptyDir);
    }

    private static GatewaySettings SettingsOf(string source)
    {
        using var mounted = new MountedConfiguration(Deployment.Of(source));
        return mounted.Settings();
    }

    // What the program says at its start with these capabilities alone.
    private static List<string> Complaints(IEnumerable<string> granted, GatewaySettings settings)
    {
        var capabilities = new Capabilities(granted.Aggregate(0ul, (bits, name) => bits | (1ul << Numbers[name])));
        List<string> complaints = [];
        Preflight.CheckCapabilities(capabilities, complaints, complaints);
        Preflight.CheckPriority(capabilities, settings.Threads.Nice, complaints);
        return complaints;
    }

    private static Dictionary<string, int> Numbers { get; } = Capability().Matches(File.ReadAllText("/usr/include/linux/capability.h"))
        .ToDictionary(m => m.Groups[1].Value, m => int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^#define CAP_(\w+)\s+(\d+)\s*$", RegexOptions.Multiline)]
    private static partial Regex Capability();

    [GeneratedRegex(@"^WORKDIR (\S+)$", RegexOptions.Multiline)]
    private static partial Regex WorkingDirectory();

    [GeneratedRegex(@"^COPY example-scripts/ (?:.* )?\./$", RegexOptions.Multiline)]
    private static partial Regex CopyOfScripts();

    [GeneratedRegex(@"(?<!\w)/gwlbtun/[\w./-]+")]
    private static partial Regex ImagePath();

    [GeneratedRegex(@"HOOK_STATE_DIR:-([^}]+)}")]
    private static partial Regex StateFolder();
}
