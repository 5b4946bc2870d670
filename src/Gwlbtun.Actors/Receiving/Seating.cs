using Gwlbtun.Native.Forwarding;

namespace Gwlbtun.Actors.Receiving;

/// <summary>
/// Which tunnel thread each receive thread rides on. While one core is enough for all of them, all ride on one: it then finds more packets each time that
/// it wakes, and the others need not wake. When that one has no end of work and other cores have none, they spread, twice as wide each time.
/// </summary>
/// <param name="tunnelThreads">The tunnel threads, by number, as they are at any time.</param>
/// <param name="receiveThreads">How many receive threads there are.</param>
/// <param name="isGathering">Whether they gather at all; else each rides on the tunnel thread of its own number.</param>
internal sealed class Seating(IReadOnlyList<TunnelThread> tunnelThreads, int receiveThreads, bool isGathering)
{
    /// <summary>To spread, so much of a core must be idle: less, and a further thread only takes turns with whatever else runs.</summary>
    public const double IdleCoresToSpread = 0.4;

    /// <summary>
    /// To spread, a tunnel thread that carries some must run for so much of the time: less, and it still finds nothing to do now and then, as at the start
    /// of a load. Where interrupts take more of its core than the rest, the scheduler moves it to an idle one: it is not pinned.
    /// </summary>
    public const double BusyShareToSpread = 0.85;

    /// <summary>To gather again, the whole process must use less than so much of a core.</summary>
    public const double BusyCoresToGather = 0.3;

    private readonly int _most = MostOf(tunnelThreads, receiveThreads);
    private int _before = 1;

    /// <summary>How many tunnel threads carry receive threads; 1 to as many as there are of either.</summary>
    public int Width { get; private set; } = isGathering ? 1 : MostOf(tunnelThreads, receiveThreads);

    /// <summary>Whether it could be wider.</summary>
    public bool CanSpread => Width < _most;

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

    /// <summary>Whether those that have found full batches have no end of work, and there are cores for more threads.</summary>
    /// <param name="load">What the load has been of late.</param>
    /// <param name="isBehind">Whether more than a burst waits in a receive socket.</param>
    /// <remarks>Full batches alone say little: whoever waits for answers before he sends on gives as many packets at once, however fast they are taken.</remarks>
    public static bool NeedsMoreCores(Load load, bool isBehind) =>
        load.IdleCores >= IdleCoresToSpread && (isBehind || load.BusyShares.Any(share => share >= BusyShareToSpread));

    /// <summary>Whether half as many might do as well: they would have the time for it, or all of them share their cores with something else.</summary>
    /// <param name="load">What the load has been of late.</param>
    /// <param name="isBehind">Whether more than a burst waits in a receive socket.</param>
    public bool MayDoWithFewer(Load load, bool isBehind) =>
        CanGather && !isBehind && (load.IdleCores < IdleCoresToSpread || load.BusyShares.Sum() < BusyShareToSpread * Half);

    /// <summary>Twice as many carry.</summary>
    public void Spread() => Set(Math.Min(Width * 2, _most));

    /// <summary>Half as many carry.</summary>
    public void Narrow() => Set(Half);

    /// <summary>One carries all.</summary>
    public void Gather() => Set(1);

    /// <summary>As before the last change.</summary>
    public void TakeBack() => Set(_before);

    private int Half => (Width + 1) / 2;

    private static int MostOf(IReadOnlyList<TunnelThread> tunnelThreads, int receiveThreads) => Math.Max(1, Math.Min(tunnelThreads.Count, receiveThreads));

    private void Set(int width)
    {
        _before = Width;
        Width = width;
    }
}
