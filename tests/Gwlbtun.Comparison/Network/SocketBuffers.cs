using System.Globalization;

namespace Gwlbtun.Comparison.Network;

/// <summary>
/// Raises the kernel's limits on socket buffers for a while: a handler that sets none itself gets the default, and would lose what another one keeps. They are the
/// whole machine's, not a namespace's.
/// </summary>
internal sealed class SocketBuffers : IDisposable
{
    private const string Folder = "/proc/sys/net/core/";

    private static readonly (string Name, long Least)[] _wanted = [("rmem_max", 50_000_000), ("rmem_default", 50_000_000), ("wmem_max", 50_000_000), ("netdev_max_backlog", 30_000)];

    private readonly List<(string Name, string Before)> _changed = [];

    public SocketBuffers()
    {
        foreach ((string name, long least) in _wanted)
        {
            string before = File.ReadAllText(Folder + name).Trim();
            if (long.Parse(before, CultureInfo.InvariantCulture) >= least)
                continue;
            File.WriteAllText(Folder + name, least.ToString(CultureInfo.InvariantCulture));
            _changed.Add((name, before));
        }
    }

    public void Dispose()
    {
        foreach ((string name, string before) in _changed)
            File.WriteAllText(Folder + name, before);
    }
}
