using Gwlbtun.Native.Forwarding;

namespace Gwlbtun.Actors.Receiving;

/// <summary>
/// Which tunnel thread each receive thread rides on. While one core is enough for all of them, all ride on one: it then finds more packets each time that
/// it wakes, and the others need not wake. When that one has no end of work and other cores have none, they spread, twice as wide each time.
/// </summary>
/// <param name="tunnelThreads">The tunnel threads, by number, as they are at any time.</param>
/// <param name="isGathering">Whether they gather at all; else each rides on the tunnel thread of its own number.</param>
internal sealed class Seating(IReadOnlyList<TunnelThread> tunnelThreads, bool isGathering)
{
    /// <summary>To spread, so much of a core must be idle: less, and a further thread only takes turns with whatever else runs.</summary>
    public const double IdleCoresToSpread = 0.4;

    /// <summary>To gather again, the whole process must use less than so much of a core.</summary>
    public const double BusyCoresToGather = 0.3;

    /// <summary>How many tunnel threads carry receive threads; 1 to their number.</summary>
    public int Width { get; private set; } = isGathering ? 1 : Math.Max(1, tunnelThreads.Count);

    /// <summary>Whether it could be wider.</summary>
    public bool CanSpread => Width < tunnelThreads.Count;

    /// <summary>Whether it could be narrower.</summary>
    public bool CanGather => isGathering && Width > 1;

    /// <summary>What a receive thread is to ride on; null: on nothing, it runs by itself.</summary>
    public TunnelThread? CarrierOf(ReceiveThread thread)
    {
        if (isGathering && tunnelThreads.Count > 0 && tunnelThreads[thread.Index % Width] is var shared && thread.Core is null && thread.CanRideOn(shared))
            return shared;
        return thread.Index < tunnelThreads.Count && thread.CanRideOn(tunnelThreads[thread.Index]) ? tunnelThreads[thread.Index] : null;
    }

    /// <summary>Which tunnel thread reads what a receive thread writes while it runs by itself. There must be one.</summary>
    public TunnelThread ReaderOf(ReceiveThread thread) => tunnelThreads[thread.Index % tunnelThreads.Count];

    public void Spread() => Width = Math.Min(Width * 2, tunnelThreads.Count);

    public void Gather() => Width = 1;
}
