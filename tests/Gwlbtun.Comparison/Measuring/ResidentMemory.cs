using System.Globalization;

namespace Gwlbtun.Comparison.Measuring;

/// <summary>How much memory a process has.</summary>
internal static class ResidentMemory
{
    private const int BytesPerKilobyte = 1024;

    public static long OfProcess(int id) => ParseStatus(File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/status")));

    /// <summary>Reads <c>VmRSS:  1234 kB</c> (proc_pid_status(5)).</summary>
    internal static long ParseStatus(IEnumerable<string> lines)
    {
        string line = lines.First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Split('\t')[^1], CultureInfo.InvariantCulture) * BytesPerKilobyte;
    }
}
