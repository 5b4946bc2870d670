using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Gwlbtun.Native.Linux;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

/// <summary>Names are the machine's: each test has its own. Needs root.</summary>
public sealed class NamedNetworkNamespaceSpecs : IDisposable
{
    private static int _tests;

    private readonly string _name = $"gwlbtun-test-{Environment.ProcessId}-{Interlocked.Increment(ref _tests)}";

    private string FilePath => $"{NamedNetworkNamespace.Folder}/{_name}";

    public void Dispose()
    {
        if (File.Exists(FilePath))
            _ = Ip("netns", "del", _name);
    }

    [Fact]
    public void Should_make_one_that_ip_netns_knows_and_remove_it()
    {
        using var made = NamedNetworkNamespace.Open(_name);
        Assert.True(made is { IsOurs: true, IsNamed: true });
        Assert.Contains("LOOPBACK,UP", Ip("-n", _name, "link", "show", "dev", "lo"), StringComparison.Ordinal);

        Assert.False(made.Remove().IsError);
        Assert.False(made.IsNamed);
        Assert.False(File.Exists(FilePath));
    }

    [Fact]
    public void Should_run_inside_and_leave_the_caller_where_it_is()
    {
        using var made = NamedNetworkNamespace.Open(_name);
        var here = Here();

        Assert.NotEqual(here, made.Run(Here));
        Assert.Equal(Ip("netns", "exec", _name, "readlink", "/proc/self/ns/net").Trim(), made.Run(Here));
        Assert.Throws<InvalidOperationException>(() => made.Run<int>(() => throw new InvalidOperationException("as the action does")));
        Assert.Equal(here, Here());
    }

    [Fact]
    public void Should_use_one_that_exists_and_not_remove_it()
    {
        _ = Ip("netns", "add", _name);
        using var theirs = NamedNetworkNamespace.Open(_name);

        Assert.False(theirs.IsOurs);
        Assert.Equal(Ip("netns", "exec", _name, "readlink", "/proc/self/ns/net").Trim(), theirs.Run(Here));
        Assert.False(theirs.Remove().IsError);
        Assert.True(theirs.IsNamed);
    }

    [Fact]
    public void Should_know_its_own_again()
    {
        NamedNetworkNamespace.Open(_name).Dispose();
        using var again = NamedNetworkNamespace.Open(_name);

        Assert.True(again.IsOurs);
    }

    [Fact]
    public void Should_notice_that_its_name_is_gone_or_stands_for_another()
    {
        using var made = NamedNetworkNamespace.Open(_name);
        _ = Ip("netns", "del", _name);
        Assert.False(made.IsNamed);

        using var another = NamedNetworkNamespace.Open(_name);
        Assert.True(another.IsNamed);
        Assert.False(made.IsNamed);
        Assert.False(made.Remove().IsError);
        Assert.True(another.IsNamed);
    }

    [Fact]
    public void Should_bind_an_empty_file_that_stands_for_none()
    {
        File.WriteAllText(FilePath, "");
        using var made = NamedNetworkNamespace.Open(_name);

        Assert.True(made is { IsOurs: true, IsNamed: true });
        Assert.False(made.Remove().IsError);
    }

    [Fact]
    public void Should_refuse_a_file_that_is_something_else()
    {
        File.WriteAllText(FilePath, "precious");
        try
        {
            Assert.Throws<LinuxException>(() => NamedNetworkNamespace.Open(_name));
            Assert.Equal("precious", File.ReadAllText(FilePath));
        }
        finally
        {
            File.Delete(FilePath);
        }
    }

    [Fact]
    public void Should_count_what_a_device_inside_could_not_queue()
    {
        using var made = NamedNetworkNamespace.Open(_name);
        using var device = made.Run(() =>
        {
            var device = TunDevice.Create("gwo-full", queues: 1);
            RouteNetlink.BringUp(device.InterfaceIndex, mtu: 1500, queueLength: 2);
            return device;
        });
        _ = Ip("-n", _name, "addr", "add", "10.9.9.1/24", "dev", "gwo-full");
        _ = Ip("netns", "exec", _name, "bash", "-c", "for i in {1..9}; do echo > /dev/udp/10.9.9.2/9; done");

        var link = JsonDocument.Parse(Ip("-j", "-s", "-n", _name, "link", "show", "dev", "gwo-full")).RootElement[0];
        var dropped = link.GetProperty("stats64").GetProperty("tx").GetProperty("dropped").GetUInt64();
        Assert.NotEqual(0ul, dropped);
        Assert.Equal(dropped, made.TransmitDrops("gwo-full"));
        Assert.Equal(0ul, made.TransmitDrops("gwo-none"));
    }

    [Fact]
    public async Task Should_tell_of_links_inside_and_of_names_that_go()
    {
        using var made = NamedNetworkNamespace.Open(_name);
        var link = new TaskCompletionSource<LinkEvent>(TaskCreationOptions.RunContinuationsAsynchronously);
        var name = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var links = new LinkMonitor(change => _ = change.Name == "inside" && !change.Exists && link.TrySetResult(change), () => { });
        using var names = new NamespaceNameMonitor(deleted => _ = deleted == _name && name.TrySetResult(), () => { });
        links.Watch(made);

        made.Run(() => TunDevice.Create("inside", queues: 1)).Dispose();
        Assert.Same(made, (await link.Task.WaitAsync(Wait.Patience)).Namespace);

        links.Unwatch(made);
        _ = Ip("netns", "del", _name);
        await name.Task.WaitAsync(Wait.Patience);
    }

    [Fact]
    public async Task Should_start_programs_inside()
    {
        using var made = NamedNetworkNamespace.Open(_name);
        var lines = new List<string>();
        var child = ChildProcess.Start("/bin/sh", ["-c", "readlink /proc/self/ns/net"], new Dictionary<string, string>(), lines.Add, made);

        Assert.True((await child.Exited.WaitAsync(Wait.Patience)).IsSuccess);
        Assert.Equal(made.Run(Here), Assert.Single(lines));
    }

    private static string Here() => new FileInfo("/proc/thread-self/ns/net").LinkTarget!;

    private static string Ip(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEnd();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, string.Create(CultureInfo.InvariantCulture, $"ip {string.Join(' ', arguments)} ended with {process.ExitCode}: {errors}"));
        return output;
    }
}
