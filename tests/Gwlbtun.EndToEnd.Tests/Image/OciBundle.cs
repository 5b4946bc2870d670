using System.Text.Json;

namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>
/// How the container is set up: config.json of the OCI runtime specification, with what Docker and containerd write for a container that is not
/// privileged. Capabilities are the given ones alone, /proc/sys is read-only, and seccomp refuses what their default profile refuses without CAP_SYS_ADMIN.
/// </summary>
internal sealed record OciBundle
{
    private static readonly string[] _refusedCalls =
    [
        "add_key", "bpf", "delete_module", "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "kexec_load",
        "keyctl", "lookup_dcookie", "mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "request_key", "setdomainname",
        "sethostname", "setns", "syslog", "umount2", "unshare", "userfaultfd",
    ];

    public required string Root { get; init; }

    public required bool IsReadOnly { get; init; }

    /// <summary>The network namespace to enter, by name.</summary>
    public required string Network { get; init; }

    public required int User { get; init; }

    public required int Group { get; init; }

    public required string WorkingDirectory { get; init; }

    public required IReadOnlyList<string> Command { get; init; }

    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    public required IReadOnlyList<string> Capabilities { get; init; }

    /// <summary>Writes config.json into the folder, which thereby is a bundle.</summary>
    public void Write(string folder) => File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(Config()));

    private object Config() => new
    {
        ociVersion = "1.0.2",
        hostname = "gwlbtun",
        root = new { path = Root, @readonly = IsReadOnly },
        process = new
        {
            terminal = false,
            user = new { uid = User, gid = Group },
            args = Command,
            env = Environment.Select(variable => $"{variable.Key}={variable.Value}"),
            cwd = WorkingDirectory,
            capabilities = new { bounding = Capabilities, effective = Capabilities, permitted = Capabilities },
            noNewPrivileges = false,
        },
        mounts = Mounts(),
        linux = new
        {
            namespaces = (object[])
            [
                new { type = "pid" }, new { type = "mount" }, new { type = "ipc" }, new { type = "uts" },
                new { type = "network", path = $"/run/netns/{Network}" },
            ],
            devices = new[] { new { path = "/dev/net/tun", type = "c", major = 10, minor = 200, fileMode = 0x1b6 /* 0666 */, uid = 0, gid = 0 } },
            readonlyPaths = new[] { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" },
            maskedPaths = new[] { "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware" },
            seccomp = new
            {
                defaultAction = "SCMP_ACT_ALLOW",
                syscalls = new[] { new { names = _refusedCalls, action = "SCMP_ACT_ERRNO" } },
            },
        },
    };

    private List<object> Mounts()
    {
        List<object> mounts =
        [
            Mount("/proc", "proc", "nosuid", "noexec", "nodev"),
            Mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            Mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
            Mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            Mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        ];
        if (IsReadOnly)
            mounts.AddRange(Mount("/run", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777"), Mount("/tmp", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777"));
        return mounts;
    }

    private static object Mount(string destination, string type, params string[] options) => new { destination, type, source = type, options };
}
