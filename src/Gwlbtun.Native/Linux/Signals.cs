using System.Runtime.InteropServices;

namespace Gwlbtun.Native.Linux;

/// <summary>What the process does on a signal (<c>signal(2)</c>).</summary>
public static partial class Signals
{
    /// <summary>SIGINT, 2: the terminal's interrupt.</summary>
    public const int SIGINT = 2;

    /// <summary>
    /// Gives a signal its default action back. A shell starts background jobs with SIGINT ignored, and what is ignored stays so for a program that
    /// does not ask otherwise.
    /// </summary>
    public static void RestoreDefault(int number) => _ = signal(number, 0);

    [LibraryImport("libc")]
    private static partial nint signal(int number, nint action);
}
