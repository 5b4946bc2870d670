using Gwlbtun.Actors.Gateway;
using Gwlbtun.Native.Forwarding;

namespace Gwlbtun.Actors.Receiving;

/// <summary>The threads that a <see cref="LoadFollower"/> watches and seats.</summary>
internal interface IReceiveCrew
{
    /// <summary>The present time, since the machine's start.</summary>
    TimeSpan Now { get; }

    /// <summary>What the whole process has used of its cores so far.</summary>
    TimeSpan ProcessTime { get; }

    /// <summary>Whether more than a burst waits in a receive socket.</summary>
    bool IsAnyBehind { get; }

    /// <summary>What has run and was received until now; null when the kernel does not say.</summary>
    /// <param name="carriers">How many tunnel threads carry receive threads.</param>
    LoadLook? TryLook(int carriers);

    /// <summary>The threads are to know among how many the load is divided.</summary>
    void TellSharers(int width);

    /// <summary>Has each receive thread ride where it is to.</summary>
    Task MoveAsync(Seating seating);
}

/// <summary>The real ones.</summary>
/// <param name="dataPlane">The threads that carry, and where packets are counted.</param>
/// <param name="threads">The receive threads, as they are at any time.</param>
internal sealed class ReceiveCrew(DataPlane dataPlane, Func<IReadOnlyList<ReceiveThread>> threads) : IReceiveCrew
{
    public TimeSpan Now => TimeSpan.FromMilliseconds(Environment.TickCount64);

    public TimeSpan ProcessTime => Environment.CpuUsage.TotalTime;

    public bool IsAnyBehind => threads().Any(thread => thread.IsBehind);

    public LoadLook? TryLook(int carriers)
    {
        try
        {
            return LoadLook.Take(dataPlane, threads(), carriers, Now);
        }
        catch (Exception cannotRead) when (cannotRead is IOException or UnauthorizedAccessException)
        {
            // As when there are no more descriptors to read /proc with.
            return null;
        }
    }

    public void TellSharers(int width)
    {
        foreach (var thread in dataPlane.TunnelThreads)
            thread.Sharers = width;
        // Those that run by themselves.
        foreach (var thread in threads())
            thread.Sharers = dataPlane.Sockets.Count;
    }

    // One after the other, so that each waits for its former carrier alone.
    public async Task MoveAsync(Seating seating)
    {
        foreach (var thread in threads())
        {
            if (seating.CarrierOf(thread) is not { } carrier || thread.Carrier == carrier)
                continue;
            if (thread.Carrier is null)
                await thread.BoardAsync(carrier, seating.ReaderOf(thread)).ConfigureAwait(false);
            else
                await thread.MoveAsync(carrier).ConfigureAwait(false);
        }
    }
}
