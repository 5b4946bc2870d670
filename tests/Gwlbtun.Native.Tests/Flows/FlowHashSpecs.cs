using Gwlbtun.Native.Flows;
using Xunit;

namespace Gwlbtun.Native.Tests.Flows;

public class FlowHashSpecs
{
    private const int Tables = 500;
    private const int Flows = 1_000;
    private const int Groups = 64;

    // Chi-square with 63 degrees of freedom: 63 on average, and beyond 189 twice in 10^14. Here it is looked at 4,000 times.
    private const double MostUneven = 3.0 * (Groups - 1);

    /// <summary>The bits that choose a flow's segment, its two buckets and its tag.</summary>
    private static readonly int[] _shifts = [58, 8, 14, 0];

    [Theory]
    [InlineData(FlowFamily.V4)]
    [InlineData(FlowFamily.V6)]
    public void Should_spread_flows_that_differ_in_a_port_counted_upwards_evenly_whatever_the_secrets(FlowFamily family)
    {
        var found = new int[Groups];
        for (int table = 0; table < Tables; table++)
        {
            var hash = FlowHash.Seeded();
            ulong[] hashes = [.. Enumerable.Range(0, Flows).Select(i => hash.Of(family == FlowFamily.V4 ? SampleFlow.Tcp4((uint)i) : SampleFlow.Tcp6((uint)i)))];
            foreach (int shift in _shifts)
            {
                Array.Clear(found);
                foreach (ulong value in hashes)
                    found[(int)(value >> shift) & (Groups - 1)]++;
                const double Expected = (double)Flows / Groups;
                Assert.InRange(found.Sum(count => (count - Expected) * (count - Expected) / Expected), 0, MostUneven);
            }
        }
    }
}
