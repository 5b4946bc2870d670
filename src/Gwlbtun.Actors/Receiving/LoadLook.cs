using Gwlbtun.Actors.Gateway;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.Receiving;

/// <summary>What has run for how long, and what was received, at some moment. Two of them make a <see cref="Load"/>.</summary>
/// <param name="At">When, since the machine's start.</param>
/// <param name="Cores">The cores that this process may run on.</param>
/// <param name="CoreCount">How many these are.</param>
/// <param name="Carriers">The tunnel threads that carry receive threads, and how long each has run; null for one that is no more.</param>
/// <param name="Receivers">The receive threads, and how many packets each has received.</param>
internal sealed record LoadLook(TimeSpan At, ProcessorTimes Cores, int CoreCount, IReadOnlyDictionary<object, TimeSpan?> Carriers, IReadOnlyDictionary<object, ulong> Receivers)
{
    private static readonly IReadOnlyList<int> _cores = CpuAffinity.Allowed();

    /// <exception cref="IOException">The kernel does not say.</exception>
    public static LoadLook Take(DataPlane dataPlane, IEnumerable<ReceiveThread> receivers, int carriers, TimeSpan now) => new(
        now,
        ProcessorTimes.Read(_cores),
        _cores.Count,
        dataPlane.TunnelThreads.Take(carriers).ToDictionary(thread => (object)thread, thread => ThreadTime.Read(thread.ThreadId)),
        receivers.ToDictionary(thread => (object)thread, thread => thread.Counters.Packets));

    /// <summary>What happened between an earlier look and this one; null when it cannot be told: other threads were there then, or the kernel does not say how long one ran.</summary>
    public Load? Since(LoadLook before)
    {
        if (!AreSame(Carriers, before.Carriers) || !AreSame(Receivers, before.Receivers))
            return null;
        var ran = Carriers.Select(carrier => carrier.Value - before.Carriers[carrier.Key]).ToList();
        if (ran.Any(time => time is null || time < TimeSpan.Zero))
            return null;
        var elapsed = At - before.At;
        return new(
            Cores.IdleShareSince(before.Cores) * CoreCount,
            [.. ran.Select(time => time!.Value / elapsed)],
            Receivers.Sum(receiver => (double)(receiver.Value - before.Receivers[receiver.Key])) / elapsed.TotalSeconds);
    }

    private static bool AreSame<T>(IReadOnlyDictionary<object, T> threads, IReadOnlyDictionary<object, T> before) => threads.Count == before.Count && threads.Keys.All(before.ContainsKey);
}

/// <summary>How busy the machine and the data threads were.</summary>
/// <param name="IdleCores">How many cores had nothing to do.</param>
/// <param name="BusyShares">For what part of the time each tunnel thread ran that carries receive threads.</param>
/// <param name="PacketsPerSecond">What was received.</param>
internal sealed record Load(double IdleCores, IReadOnlyList<double> BusyShares, double PacketsPerSecond);
