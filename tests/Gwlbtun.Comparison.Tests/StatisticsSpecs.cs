using CsCheck;
using Gwlbtun.Comparison.Measuring;
using Xunit;

namespace Gwlbtun.Comparison.Tests;

public class StatisticsSpecs
{
    [Theory]
    [InlineData(new double[] { 3 }, 3)]
    [InlineData(new double[] { 9, 1, 5 }, 5)]
    [InlineData(new double[] { 9, 1, 5, 6 }, 5.5)]
    public void Should_take_the_middle_one_whatever_the_order(double[] values, double median) =>
        Assert.Equal(median, Statistics.Median(values));

    [Fact]
    public void Should_have_no_median_of_nothing() => Assert.Null(Statistics.Median([]));

    [Fact]
    public void Should_have_at_most_half_of_the_values_on_either_side_of_the_median() =>
        Gen.Int[0, 1_000].Select(value => (double)value).Array[1, 50].Sample(values =>
        {
            double median = Statistics.Median(values)!.Value;
            Assert.InRange(values.Count(value => value < median), 0, values.Length / 2);
            Assert.InRange(values.Count(value => value > median), 0, values.Length / 2);
        });

    [Fact]
    public void Should_divide_within_pairs_and_not_medians()
    {
        // The machine was three times as fast during the second pair: the medians' ratio would be that of other moments.
        Measurement[] ours = [Runs(200), Runs(600), Runs(210)];
        Measurement[] peer = [Runs(100), Runs(300), Runs(70)];

        Assert.Equal(2, Statistics.PairedRatio(ours, peer, Metric.Throughput));
    }

    [Fact]
    public void Should_leave_out_pairs_of_which_one_failed()
    {
        Measurement[] ours = [Runs(200), new Measurement { Failure = "died" }, Runs(300)];
        Measurement[] peer = [Runs(100), Runs(100), new Measurement { Failure = "died" }];

        Assert.Equal(2, Statistics.PairedRatio(ours, peer, Metric.Throughput));
    }

    [Fact]
    public void Should_have_no_ratio_when_no_pair_is_whole() =>
        Assert.Null(Statistics.PairedRatio([Runs(1)], [new Measurement()], Metric.Throughput));

    [Fact]
    public void Should_reverse_the_order_from_pair_to_pair()
    {
        Subject[] subjects = [new(Subject.Ours, null), new(Subject.Floor, null), new(Subject.Peer, null)];

        Assert.Equal([Subject.Ours, Subject.Floor, Subject.Peer, Subject.Peer, Subject.Floor, Subject.Ours, Subject.Ours, Subject.Floor, Subject.Peer], Enumerable.Range(0, 3).SelectMany(pair => Subject.InOrder(subjects, pair)).Select(one => one.Name));
    }

    private static Measurement Runs(double kpps) => new() { PacketsPerSecond = kpps * 1e3 };
}
