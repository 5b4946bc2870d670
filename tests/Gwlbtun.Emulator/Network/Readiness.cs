using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Network;

/// <summary>Waits for input on a few descriptors, with a time-out finer than milliseconds (<c>ppoll(2)</c>): packets are paced by it.</summary>
internal sealed unsafe partial class Readiness
{
    private const short PollIn = 1;

    private readonly PollFd[] _interests;

    public Readiness(params int[] fds) => _interests = [.. fds.Select(fd => new PollFd { Fd = fd, Events = PollIn })];

    /// <summary>Waits until one of the descriptors is readable, a signal arrives, or the time is over.</summary>
    public void Wait(TimeSpan timeout)
    {
        TimeSpec limit = new() { Seconds = (nint)timeout.TotalSeconds, Nanoseconds = (nint)(timeout.Ticks % TimeSpan.TicksPerSecond * 100) };
        fixed (PollFd* interests = _interests)
            _ = ppoll(interests, (nuint)_interests.Length, &limit, null);
    }

    /// <summary>Whether the last wait found input on the descriptor with this position.</summary>
    public bool IsReady(int index) => (_interests[index].Returned & PollIn) != 0;

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ppoll(PollFd* interests, nuint count, TimeSpec* timeout, void* signalMask);

    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
