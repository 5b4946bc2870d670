using System.Diagnostics;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;

namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>
/// A running container of a stage, in mount, PID, IPC and UTS namespaces of its own and in the network namespace that it is given. It is run by crun, an OCI
/// runtime, as a container engine has it run by crun or runc.
/// </summary>
internal sealed class Container : IAsyncDisposable
{
    /// <summary>What k8s/ and docs/ have a container be given.</summary>
    public static IReadOnlyList<string> Capabilities { get; } = ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_NICE"];

    private static int _containers;

    private readonly string _name = $"gwe2e-{System.Environment.ProcessId}-{Interlocked.Increment(ref _containers)}";
    private readonly string _folder;
    private readonly ImageStage _image;

    private Container(ImageStage image, NetworkNamespace network, string folder, bool isReadOnly, string[] arguments, IReadOnlyDictionary<string, string> environment)
    {
        _image = image;
        _folder = Directory.CreateDirectory(Path.Combine(folder, _name)).FullName;
        var bundle = new OciBundle
        {
            Root = image.Root,
            IsReadOnly = isReadOnly,
            Network = network.Name,
            User = image.User,
            Group = image.Group,
            WorkingDirectory = image.WorkingDirectory,
            Command = [.. image.Entrypoint, .. arguments.Length > 0 ? arguments : image.Command],
            Environment = image.Environment.Concat(environment).ToDictionary(),
            Capabilities = Capabilities,
        };
        bundle.Write(_folder);
        Gwlbtun = GwlbtunProcess.Of(network, RunningProgram.Start([.. Crun, "run", "--bundle", _folder, _name]));
    }

    /// <summary>The gwlbtun inside. Its program is crun, which hands signals on and ends with its exit code.</summary>
    public GwlbtunProcess Gwlbtun { get; }

    // crun makes no cgroup here, but insists that those of the machine are not of two kinds at once: it sees one kind only.
    private string[] Crun =>
    [
        "unshare", "--mount", "sh", "-c", "mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"", "sh",
        "crun", "--root", Path.Combine(_folder, "state"), "--cgroup-manager", "disabled",
    ];

    /// <summary>Starts a container and waits until gwlbtun is ready. Without <paramref name="arguments"/> it gets the image's CMD.</summary>
    public static async Task<Container> StartAsync(
        ImageStage image, NetworkNamespace network, string folder, bool isReadOnly, string[] arguments, IReadOnlyDictionary<string, string> environment)
    {
        var container = new Container(image, network, folder, isReadOnly, arguments, environment);
        await container.Gwlbtun.WaitUntilReadyAsync();
        return container;
    }

    /// <summary>Runs the image's HEALTHCHECK inside, as a container engine does, and returns its exit code.</summary>
    public int CheckHealth()
    {
        using var check = Process.Start(Command.StartInfo([.. Crun, "exec", "--user", $"{_image.User}:{_image.Group}", "--cwd", _image.WorkingDirectory, _name, .. _image.HealthCheck]))!;
        check.WaitForExit();
        return check.ExitCode;
    }

    public ValueTask DisposeAsync() => Gwlbtun.DisposeAsync();
}
