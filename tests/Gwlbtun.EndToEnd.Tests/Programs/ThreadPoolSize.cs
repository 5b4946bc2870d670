using System.Runtime.CompilerServices;

namespace Gwlbtun.EndToEnd.Tests.Programs;

internal static class ThreadPoolSize
{
    /// <summary>
    /// Reading what a program prints blocks a pool thread for each of its two pipes; with one thread per core to begin with, a test
    /// would wait for the pool to grow, a second at a time, and measure that.
    /// </summary>
    [ModuleInitializer]
    internal static void Raise() => ThreadPool.SetMinThreads(64, 64);
}
