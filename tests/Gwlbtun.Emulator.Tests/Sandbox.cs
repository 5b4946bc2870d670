using System.Runtime.ExceptionServices;
using Gwlbtun.Emulator.Network;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Tests;

/// <summary>Runs a test on a thread with a network namespace of its own: a loopback interface, every port free, gone afterwards.</summary>
internal static class Sandbox
{
    private const int LoopbackIndex = 1;
    private const int LoopbackMtu = 65_536;

    public static void Run(Action test)
    {
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                NetworkNamespace.Unshare();
                RouteNetlink.BringUp(LoopbackIndex, LoopbackMtu, queueLength: 1_000);
                test();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
