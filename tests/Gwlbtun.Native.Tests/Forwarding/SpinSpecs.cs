using System.Globalization;
using Gwlbtun.Native.Forwarding;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>Whether a data thread sleeps when it finds no packets. Alone: for each garbage collection of another test's, the runtime puts the thread to sleep as well.</summary>
[Collection(UndisturbedCollection.Name)]
public sealed class SpinSpecs
{
    private const ulong Eni = 0x1234;
    private const int Packets = 50;

    [Theory]
    [InlineData(0, true)]
    [InlineData(1_000_000, false)]
    public void Should_sleep_between_packets_unless_it_is_to_spin(int spinMicroseconds, bool sleeps) => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { SpinMicroseconds = spinMicroseconds });
        _ = lab.Establish(Eni);
        lab.Exchange(Eni, Packets);

        long before = Sleeps(lab.Pool.Threads[0]);
        lab.Exchange(Eni, Packets);

        // A packet may come before the thread that is to sleep has fallen asleep.
        Assert.Equal(sleeps, Sleeps(lab.Pool.Threads[0]) - before > Packets / 2);
    });

    private static long Sleeps(TunnelThread thread) =>
        long.Parse(File.ReadLines($"/proc/self/task/{thread.ThreadId}/status").Single(line => line.StartsWith("voluntary_ctxt_switches:", StringComparison.Ordinal)).Split('\t')[1], CultureInfo.InvariantCulture);
}
