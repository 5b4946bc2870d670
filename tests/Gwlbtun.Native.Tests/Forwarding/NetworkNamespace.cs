using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>
/// Runs a test body on a thread of its own in a fresh network namespace: what it makes there vanishes with it, and so do
/// the threads and programs that it starts. Needs root.
/// </summary>
internal static partial class NetworkNamespace
{
    private const int CloneNewNet = 0x40000000;

    public static void Run(Action body)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Assert.True(unshare(CloneNewNet) == 0, "These tests need root: unshare(CLONE_NEWNET) was refused.");
                Shell("ip link set lo up");
                File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1");
                File.WriteAllText("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
                File.WriteAllText("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
                body();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Runs a command line in the namespace, and fails the test when the command fails.</summary>
    public static void Shell(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{command}: {errors}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}
