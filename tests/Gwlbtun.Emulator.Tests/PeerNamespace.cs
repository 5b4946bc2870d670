using System.Globalization;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Tests;

/// <summary>A further network namespace, as a client's or a server's: kept by a thread that waits in it, and gone with it.</summary>
internal sealed class PeerNamespace : IDisposable
{
    private const int LoopbackIndex = 1;

    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _keeper;
    private int _threadId;

    public PeerNamespace()
    {
        using ManualResetEventSlim ready = new();
        _keeper = new Thread(() =>
        {
            NetworkNamespace.Unshare();
            RouteNetlink.BringUp(LoopbackIndex, mtu: 65_536, queueLength: 1_000);
            _threadId = CpuAffinity.CurrentThreadId();
            ready.Set();
            _end.Wait();
        });
        _keeper.Start();
        ready.Wait();
    }

    /// <summary>Where the kernel shows the namespace.</summary>
    public string Path => string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/task/{_threadId}/ns/net");

    /// <summary>Runs a program in the namespace, and returns what it wrote.</summary>
    public string Run(params string[] command) => Programs.Run("nsenter", ["--net=" + Path, .. command]);

    public void Dispose()
    {
        _end.Set();
        _keeper.Join();
        _end.Dispose();
    }
}
