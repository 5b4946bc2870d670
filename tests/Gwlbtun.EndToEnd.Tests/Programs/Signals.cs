using System.Runtime.InteropServices;

namespace Gwlbtun.EndToEnd.Tests.Programs;

/// <summary>Signals to processes (signal(7)).</summary>
internal static partial class Signals
{
    public const int Interrupt = 2;
    public const int Kill = 9;
    public const int Terminate = 15;

    public static void Send(int processId, int signal) => _ = SendSignal(processId, signal);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int processId, int signal);
}
