using System.Globalization;

namespace Gwlbtun.Native.Linux;

/// <summary>A process that holds a port.</summary>
/// <param name="ProcessId">Its ID.</param>
/// <param name="Command">Its name, as in /proc/PID/comm.</param>
public readonly record struct PortOwner(int ProcessId, string Command)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Command} (process {ProcessId})");
}

/// <summary>
/// Which processes hold a UDP or TCP port in this network namespace: /proc/net names the sockets, /proc/PID/fd who has them.
/// A process of another user or PID namespace is not seen without the privileges for it.
/// </summary>
public static class PortOwners
{
    // Columns of /proc/net/udp and tcp (proc_pid_net(5)).
    private const int LocalAddressColumn = 1;
    private const int StateColumn = 3;
    private const int InodeColumn = 9;
    private const string Listening = "0A";

    private const string SocketLink = "socket:[";

    /// <summary>Who has a UDP socket bound to the port.</summary>
    public static IReadOnlyList<PortOwner> OfUdp(ushort port) =>
        HoldersOf([.. InodesIn("/proc/net/udp", port, state: null), .. InodesIn("/proc/net/udp6", port, state: null)]);

    /// <summary>Who listens on the TCP port.</summary>
    public static IReadOnlyList<PortOwner> OfTcp(ushort port) =>
        HoldersOf([.. InodesIn("/proc/net/tcp", port, Listening), .. InodesIn("/proc/net/tcp6", port, Listening)]);

    private static List<string> InodesIn(string table, ushort port, string? state)
    {
        var inodes = new List<string>();
        if (!File.Exists(table))
            return inodes;
        var suffix = string.Create(CultureInfo.InvariantCulture, $":{port:X4}");
        foreach (var line in File.ReadLines(table).Skip(1))
        {
            var columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length > InodeColumn && columns[LocalAddressColumn].EndsWith(suffix, StringComparison.Ordinal) && (state is null || columns[StateColumn] == state))
                inodes.Add(columns[InodeColumn]);
        }
        return inodes;
    }

    private static List<PortOwner> HoldersOf(HashSet<string> inodes)
    {
        var owners = new List<PortOwner>();
        if (inodes.Count == 0)
            return owners;
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Holds(process, inodes))
                owners.Add(new(id, CommandOf(process)));
        }
        return owners;
    }

    private static bool Holds(string process, HashSet<string> inodes)
    {
        try
        {
            foreach (var descriptor in Directory.EnumerateFileSystemEntries(Path.Combine(process, "fd")))
            {
                var target = new FileInfo(descriptor).LinkTarget;
                if (target is not null && target.StartsWith(SocketLink, StringComparison.Ordinal) && inodes.Contains(target[SocketLink.Length..^1]))
                    return true;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or is not ours to look into.
        }
        return false;
    }

    private static string CommandOf(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).TrimEnd('\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "a process that has ended since";
        }
    }
}
