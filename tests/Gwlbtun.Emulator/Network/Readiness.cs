using System.Runtime.InteropServices;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Emulator.Network;

/// <summary>Waits for input on a few descriptors, with a time-out finer than milliseconds (<c>ppoll(2)</c>): packets are paced by it.</summary>
internal sealed unsafe partial class Readiness
{
    private const short PollIn = 1;

    // How long it waits before it asks again whether any are missing.
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(5);

    private readonly PollFd[] _interests;

    public Readiness(params int[] fds) => _interests = [.. fds.Select(fd => new PollFd { Fd = fd, Events = PollIn })];

    /// <summary>Waits until one of the descriptors is readable, a signal arrives, or the time is over.</summary>
    public void Wait(TimeSpan timeout)
    {
        TimeSpec limit = new() { Seconds = (nint)timeout.TotalSeconds, Nanoseconds = (nint)(timeout.Ticks % TimeSpan.TicksPerSecond * 100) };
        fixed (PollFd* interests = _interests)
            _ = ppoll(interests, (nuint)_interests.Length, &limit, null);
    }

    /// <summary>Receives until none is missing, or none has come for so long.</summary>
    /// <param name="isAnyMissing">Whether to go on.</param>
    /// <param name="receive">Receives what there is, and answers how many packets that was.</param>
    /// <param name="patience">For how long none may come.</param>
    public void Drain(Func<bool> isAnyMissing, Func<int> receive, TimeSpan patience)
    {
        long lastProgress = TimeProvider.System.GetTimestamp();
        while (isAnyMissing())
        {
            // The time is looked at last: what came while this process did not run is there.
            if (receive() > 0)
                lastProgress = TimeProvider.System.GetTimestamp();
            else if (TimeProvider.System.GetElapsedTime(lastProgress) < patience)
                Wait(_look);
            else
                break;
        }
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
