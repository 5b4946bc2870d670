using System.Security.Cryptography;
using System.Text;
using Gwlbtun.Shared;

namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>
/// A root file system with the image's packages, from Debian's: no base image is needed, and no registry. Kept for the next run in
/// $XDG_CACHE_HOME/gwlbtun-test, or /var/cache/gwlbtun-test.
/// </summary>
internal static class BaseTree
{
    /// <summary>What Debian calls the packages of Amazon Linux that the Dockerfile names.</summary>
    private static readonly Dictionary<string, string> _debianNames = new()
    {
        ["ethtool"] = "ethtool",
        ["iproute"] = "iproute2",
        ["iproute-tc"] = "iproute2",
        ["iptables-nft"] = "iptables",
        ["iputils"] = "iputils-ping",
        ["jq"] = "jq",
        ["libcap"] = "libcap2-bin",
        ["libstdc++"] = "libstdc++6",
        ["nftables"] = "nftables",
        // The library has another name in each release, and comes with the program.
        ["openssl-libs"] = "openssl",
        ["procps-ng"] = "procps",
        ["tcpdump"] = "tcpdump",
        ["util-linux"] = "util-linux",
        ["zlib"] = "zlib1g",
    };

    /// <summary>What amazonlinux:2023 has by itself and a minimal Debian has not.</summary>
    private static readonly string[] _ofTheBaseImage = ["curl"];

    /// <summary>Makes the tree, unless it is there already; returns its folder, which is not to be changed.</summary>
    public static string Make(IEnumerable<string> packages)
    {
        var names = packages.Select(Debian).Concat(_ofTheBaseImage).Distinct().Order(StringComparer.Ordinal).ToArray();
        var (suite, mirror) = Source();
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{suite} {string.Join(' ', names)}")))[..16];
        var folder = Path.Combine(Cache(), $"root-{key}");
        if (!Directory.Exists(folder))
            Bootstrap(folder, names, suite, mirror);
        return folder;
    }

    private static string Debian(string package) =>
        _debianNames.TryGetValue(package, out var name) ? name : throw new InvalidOperationException($"What does Debian call {package}? Say so in {nameof(BaseTree)}.");

    private static void Bootstrap(string folder, string[] packages, string suite, string mirror)
    {
        var unfinished = $"{folder}.{Environment.ProcessId}";
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        try
        {
            Command.Run("debootstrap", "--variant=minbase", $"--include={string.Join(',', packages)}", suite, unfinished, mirror);
            foreach (var unneeded in new[] { "var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale" })
                Directory.Delete(Path.Combine(unfinished, unneeded), recursive: true);
            Directory.Move(unfinished, folder);
        }
        finally
        {
            if (Directory.Exists(unfinished))
                Directory.Delete(unfinished, recursive: true);
        }
    }

    /// <summary>This system's own release, from where this system takes it.</summary>
    private static (string Suite, string Mirror) Source()
    {
        var suite = File.ReadLines("/etc/os-release").Single(line => line.StartsWith("VERSION_CODENAME=", StringComparison.Ordinal)).Split('=')[1];
        var sites = Command.Run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages").Split('\n');
        var site = sites.FirstOrDefault(line => line.EndsWith($" {suite}", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"apt-get has no source of {suite}: the image's root tree is made of Debian's packages.");
        return (suite, site.Split(' ')[0]);
    }

    private static string Cache()
    {
        var home = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        return Path.Combine(string.IsNullOrEmpty(home) ? "/var/cache" : home, "gwlbtun-test");
    }
}
