using Gwlbtun.Actors.Gateway;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.Receiving;

/// <summary>What has run for how long, and what was received, at some moment. Two of them make a <see cref="Load"/>.</summary>
/// <param name="At">When, since the machine's start.</param>
/// <param name="Cores">The cores that this process may run on.</param>
/// <param name="Carriers">The tunnel threads that carry receive threads, by number.</param>
/// <param name="Packets">Packets received by all receive threads.</param>
internal sealed record LoadLook(TimeSpan At, ProcessorTimes Cores, IReadOnlyList<TimeSpan> Carriers, ulong Packets)
{
    private static readonly IReadOnlyList<int> _cores = CpuAffinity.Allowed();

    public static LoadLook Take(DataPlane dataPlane, IEnumerable<ReceiveThread> receivers, int carriers) => new(
        TimeSpan.FromMilliseconds(Environment.TickCount64),
        ProcessorTimes.Read(_cores),
        [.. dataPlane.TunnelThreads.Take(carriers).Select(thread => ThreadTime.Read(thread.ThreadId))],
        receivers.Aggregate(0ul, (sum, receiver) => sum + receiver.Counters.Packets));

    /// <summary>What happened between an earlier look and this one.</summary>
    public Load Since(LoadLook before)
    {
        var elapsed = At - before.At;
        return new(
            Cores.IdleShareSince(before.Cores) * _cores.Count,
            [.. Carriers.Zip(before.Carriers, (after, then) => (after - then) / elapsed)],
            // A thread that was replaced meanwhile counts from 0.
            (Packets - Math.Min(Packets, before.Packets)) / elapsed.TotalSeconds);
    }
}

/// <summary>How busy the machine and the data threads were.</summary>
/// <param name="IdleCores">How many cores had nothing to do.</param>
/// <param name="BusyShares">For what part of the time each tunnel thread ran that carries receive threads.</param>
/// <param name="PacketsPerSecond">What was received.</param>
internal sealed record Load(double IdleCores, IReadOnlyList<double> BusyShares, double PacketsPerSecond);
