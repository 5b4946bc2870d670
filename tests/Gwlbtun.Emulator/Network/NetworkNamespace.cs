using System.Runtime.InteropServices;
using System.Text;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Network;

/// <summary>Network namespaces (<c>network_namespaces(7)</c>) of the calling thread.</summary>
internal static partial class NetworkNamespace
{
    private const int CloneNewNet = 0x40000000;
    private const int ReadOnlyCloseOnExec = 0x80000;

    /// <summary>Does something in another namespace: what is opened there stays there, while the thread returns to its own.</summary>
    /// <param name="name">A name as <c>ip netns</c> knows it, or a path; null is the thread's own.</param>
    /// <param name="action">What to do.</param>
    public static T Inside<T>(string? name, Func<T> action)
    {
        if (name is null)
            return action();
        int own = Open("/proc/thread-self/ns/net", hint: null);
        int other = -1;
        try
        {
            other = Open(name.Contains('/', StringComparison.Ordinal) ? name : "/run/netns/" + name, "Create it with 'ip netns add'.");
            SysResult.From(setns(other, CloneNewNet)).OrThrow($"enter network namespace {name}", "CAP_SYS_ADMIN is needed.");
            try
            {
                return action();
            }
            finally
            {
                SysResult.From(setns(own, CloneNewNet)).OrThrow("return from a network namespace");
            }
        }
        finally
        {
            FileDescriptor.Close(own);
            if (other >= 0)
                FileDescriptor.Close(other);
        }
    }

    /// <summary>Puts the calling thread, and threads and processes that it starts from now on, into a new, empty namespace.</summary>
    public static void Unshare() => SysResult.From(unshare(CloneNewNet)).OrThrow("make a network namespace", "CAP_SYS_ADMIN is needed.");

    private static int Open(string path, string? hint) =>
        SysResult.From(open(Encoding.UTF8.GetBytes(path + '\0'), ReadOnlyCloseOnExec)).OrThrow($"open network namespace {path}", hint);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int open([In] byte[] path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int type);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}
