using System.Globalization;

namespace Gwlbtun.Native.Linux;

/// <summary>How long a thread of this process has run on a core: the kernel's count (<c>/proc/self/task/TID/stat</c>, proc_pid_stat(5)).</summary>
public static class ThreadTime
{
    // The kernel tells times in hundredths of a second whatever it counts in (USER_HZ).
    private static readonly TimeSpan _tick = TimeSpan.FromMilliseconds(10);

    private const int UserTicks = 11;
    private const int KernelTicks = 12;

    /// <summary>Reads it.</summary>
    /// <param name="threadId">The kernel's thread ID.</param>
    /// <returns>In steps of 10 ms; null for a thread that is no more.</returns>
    public static TimeSpan? Read(int threadId)
    {
        string line;
        try
        {
            line = File.ReadAllText($"/proc/self/task/{threadId}/stat");
        }
        catch (IOException)
        {
            return null;
        }

        // The name, in brackets, may have spaces and brackets itself.
        var fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');
        return _tick * (long.Parse(fields[UserTicks], CultureInfo.InvariantCulture) + long.Parse(fields[KernelTicks], CultureInfo.InvariantCulture));
    }
}
