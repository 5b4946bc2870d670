using System.ComponentModel;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Microsoft.Win32.SafeHandles;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>A network namespace of a test run, with its loopback up.</summary>
internal sealed partial class NetworkNamespace
{
    private const string Prefix = "gwe2e-";
    private const int NewNetworkNamespace = 0x40000000; // CLONE_NEWNET, sched.h

    private NetworkNamespace(string name) => Name = name;

    public string Name { get; }

    /// <summary>Creates one that tells which process it belongs to, so that a later run can clear it away if this one is killed.</summary>
    public static NetworkNamespace Create(int number, string role)
    {
        var created = new NetworkNamespace($"{Prefix}{Environment.ProcessId}-{number}-{role}");
        Command.Run("ip", "netns", "add", created.Name);
        try
        {
            created.Ip("link", "set", "lo", "up");
            return created;
        }
        catch
        {
            created.Remove();
            throw;
        }
    }

    /// <summary>One that exists: made by the program under test, or by nobody yet.</summary>
    public static NetworkNamespace Named(string name) => new(name);

    /// <summary>The names of all there are.</summary>
    public static IReadOnlyList<string> Names() => [.. Command.Run("ip", "netns", "list").Split('\n').Select(line => line.Split(' ')[0])];

    /// <summary>Removes what killed runs left, with the processes in it.</summary>
    public static void RemoveStale()
    {
        foreach (var name in Names().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            if (!Directory.Exists($"/proc/{name[Prefix.Length..].Split('-')[0]}"))
                new NetworkNamespace(name).Remove();
        }
    }

    /// <summary>Kills what still runs inside and removes the namespace.</summary>
    public void Remove()
    {
        foreach (var pid in Command.Run("ip", "netns", "pids", Name).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Signals.Send(int.Parse(pid), Signals.Kill);
        Command.Run("ip", "netns", "del", Name);
    }

    /// <summary>Runs <c>ip -n NAME arguments</c> and returns what it printed.</summary>
    public string Ip(params string[] arguments) => Command.Run(["ip", "-n", Name, .. arguments]);

    /// <summary>Gives a device an address that is good at once: an IPv6 one is not first looked for among the neighbours.</summary>
    public void AddAddress(string address, string device) =>
        Ip(["addr", "add", address, "dev", device, .. address.Contains(':', StringComparison.Ordinal) ? ["nodad"] : Array.Empty<string>()]);

    /// <summary>Runs a program inside, waits for its end, and returns what it printed; throws when it fails.</summary>
    public string Execute(params string[] command) => Command.Run(["ip", "netns", "exec", Name, .. command]);

    /// <summary>How many packets came in on the devices whose names begin so: from a TUN device, what its program wrote into it.</summary>
    public long ReceivedPackets(string prefix) => CountPackets(prefix, 2);

    /// <summary>How many packets went out of the devices whose names begin so: from a TUN device, what its program read from it. A super-packet is one.</summary>
    public long SentPackets(string prefix) => CountPackets(prefix, 10);

    /// <summary>Calls <paramref name="action"/> on a thread inside the namespace. A socket made there stays there.</summary>
    public T Enter<T>(Func<T> action)
    {
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var handle = File.OpenHandle($"/run/netns/{Name}");
                if (SetNamespace(handle, NewNetworkNamespace) != 0)
                    throw new Win32Exception(Marshal.GetLastPInvokeError(), $"setns to {Name}");
                result = action();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    private long CountPackets(string prefix, int field)
    {
        // proc(5): /proc/net shows the namespace of whoever looks.
        var devices = Enter(() => File.ReadAllLines("/proc/thread-self/net/dev"));
        return devices.Select(line => line.Split((char[])[' ', ':'], StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[0].StartsWith(prefix, StringComparison.Ordinal))
            .Sum(fields => long.Parse(fields[field]));
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeFileHandle handle, int type);
}
