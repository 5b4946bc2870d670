using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>
/// That the hooks work in a pod that is not privileged, on a node that has the sysctls of k8s/node/99-gwlbtun.conf: the pods' own hooks and the other example
/// scripts, in a network namespace that stands for the node.
/// </summary>
public sealed class NodeSysctlSpecs : IDisposable
{
    private const string Sysctls = "k8s/node/99-gwlbtun.conf";

    private readonly string _folder = Directory.CreateTempSubdirectory("gwlbtun-node-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("k8s/overlays/one-arm")]
    [InlineData("k8s/overlays/two-arm")]
    public void Should_let_an_overlays_hook_run(string source) => AssertSucceeds(Run(Repository.PathOf(Sysctls), HookOf(source)));

    [Theory]
    [InlineData("create-local.sh")]
    [InlineData("create-nat-overlapping.sh")]
    [InlineData("create-nftables-nat.sh")]
    [InlineData("create-overlapping-v4.sh")]
    [InlineData("create-suricata-nfqueue.sh")]
    public void Should_let_an_example_script_run(string script) =>
        AssertSucceeds(Run(Repository.PathOf(Sysctls), Repository.PathOf(Path.Combine("example-scripts", script))));

    [Fact]
    public void Should_need_none_for_the_base() => AssertSucceeds(Run("/dev/null", HookOf("k8s/base")));

    [Theory]
    [InlineData("net.ipv4.ip_forward")]
    [InlineData("net.ipv6.conf.all.forwarding")]
    [InlineData("net.ipv4.conf.all.rp_filter")]
    [InlineData("net.ipv4.conf.gwi-*.rp_filter")]
    [InlineData("net.ipv4.fwmark_reflect")]
    [InlineData("net.ipv6.fwmark_reflect")]
    public void Should_say_what_is_missing_where_a_node_lacks_one(string key)
    {
        string[] lines = File.ReadAllLines(Repository.PathOf(Sysctls));
        string[] left = [.. lines.Where(line => !line.StartsWith(key + " =", StringComparison.Ordinal))];
        Assert.Equal(lines.Length - 1, left.Length);
        string sysctls = Path.Combine(_folder, "sysctls");
        File.WriteAllLines(sysctls, left);

        (int exitCode, _, string errors) = Run(sysctls, HookOf("k8s/overlays/two-arm"));

        Assert.NotEqual(0, exitCode);
        Assert.Contains("set it on the host", errors, StringComparison.Ordinal);
        Assert.Contains(key.Replace("gwi-*", "gwi-test", StringComparison.Ordinal).Replace('.', '/')["net/".Length..], errors, StringComparison.Ordinal);
    }

    private static void AssertSucceeds((int ExitCode, string Output, string Errors) run) =>
        Assert.True(run.ExitCode == 0, $"exit code {run.ExitCode}\n{run.Output}{run.Errors}");

    private (int ExitCode, string Output, string Errors) Run(string sysctls, string hook)
    {
        string capabilities = string.Join(',', Deployment.Of("k8s/base").Container.SecurityContext.Capabilities.Add.Select(c => "+" + c.ToLowerInvariant()));
        return Command.Try(
            "timeout", "60", "unshare", "--net", "--mount", "--",
            Repository.PathOf("tests/Gwlbtun.Kubernetes.Tests/pod-network.sh"), sysctls, capabilities, Path.Combine(_folder, "state"), hook);
    }

    // The hook of a ConfigMap, with the scripts of the repository in place of the image's.
    private string HookOf(string source)
    {
        string hook = Path.Combine(_folder, "hook.sh");
        string text = Deployment.Of(source).Configuration.Data["hook.sh"];
        File.WriteAllText(hook, text.Replace("/gwlbtun/", Repository.PathOf("example-scripts") + "/", StringComparison.Ordinal));
        File.SetUnixFileMode(hook, (UnixFileMode)Deployment.Of(source).At("/etc/gwlbtun")!.Value.Volume.ConfigMap.DefaultMode!.Value);
        return hook;
    }
}
