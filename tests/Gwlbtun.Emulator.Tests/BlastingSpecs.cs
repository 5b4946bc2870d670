using System.Buffers.Binary;
using CsCheck;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Judging;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class TrafficPlanSpecs
{
    [Fact]
    public void Should_find_flow_and_number_in_every_packet_that_it_writes() =>
        Gen.Select(Gen.Int[1, 300], Gen.Int[1, 50], Gen.Enum<BlastProtocol>(), Gen.Enum<BlastIp>(), Gen.Int[1, 2_000], Gen.Long[0, 1L << 40]).Sample((flows, burst, protocol, ip, size, number) =>
        {
            TrafficPlan plan = new(new BlastOptions { Flows = flows, Burst = burst, Protocol = protocol, Ip = ip, Sizes = SizeMix.Parse($"{size},64:2") }, endpoints: 7);
            byte[] packet = new byte[65_536];
            int length = plan.Write(packet, number);
            packet = packet[..length];
            return InnerView.TryParse(packet, out InnerView inner)
                && inner.Length == length
                && inner.HasValidChecksums(packet)
                && plan.TryFindFlow(packet, inner, out int flow) && flow == plan.FlowOf(number)
                && plan.TryReadNumber(packet, inner, flow, out long read) && read == number;
        });

    [Fact]
    public void Should_number_the_packets_of_each_flow_without_a_gap()
    {
        TrafficPlan plan = new(new BlastOptions { Flows = 5, Burst = 3 }, endpoints: 1);
        for (int flow = 0; flow < 5; flow++)
            Assert.Equal(Enumerable.Range(0, 12).Select(sequence => (uint)sequence), Enumerable.Range(0, 60).Where(number => plan.FlowOf(number) == flow).Select(number => plan.SequenceOf(number)));
        Assert.Equal([0, 0, 0, 1, 1, 1], Enumerable.Range(0, 6).Select(number => plan.FlowOf(number)));
    }

    [Fact]
    public void Should_send_TCP_in_sequence_whatever_the_sizes()
    {
        TrafficPlan plan = new(new BlastOptions { Flows = 3, Protocol = BlastProtocol.Tcp, Sizes = SizeMix.Parse("64:7,576:4,1400:1") }, endpoints: 1);
        byte[] packet = new byte[2_000];
        uint expected = 0;
        for (long number = 1; number < 300; number += 3)
        {
            int length = plan.Write(packet, number);
            Assert.Equal(expected, BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(24)));
            expected += (uint)length - 40;
        }
    }

    [Fact]
    public void Should_write_different_payloads_for_different_packets()
    {
        TrafficPlan plan = new(new BlastOptions { Flows = 1, Sizes = SizeMix.Parse("200") }, endpoints: 1);
        byte[] one = new byte[200], other = new byte[200];
        plan.Write(one, 1);
        plan.Write(other, 2);
        Assert.False(one.AsSpan(36).SequenceEqual(other.AsSpan(36)));
    }
}

public class SizeMixSpecs
{
    [Fact]
    public void Should_repeat_sizes_by_their_shares()
    {
        SizeMix mix = SizeMix.Parse("64:2,1400");
        Assert.Equal([64, 64, 1400, 64, 64], Enumerable.Range(0, 5).Select(index => mix[(ulong)index]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("0")]
    [InlineData("65001")]
    [InlineData("64:0")]
    [InlineData("64:1:1")]
    [InlineData("64,")]
    [InlineData("-64")]
    public void Should_refuse_what_is_no_mix(string text) => Assert.Throws<FormatException>(() => SizeMix.Parse(text));
}

public class InFlightSpecs
{
    [Fact]
    public void Should_tell_the_first_return_from_the_second()
    {
        InFlight inFlight = new(atLeast: 1);
        inFlight.Sent(0, 10);
        inFlight.Sent(1, 20);
        Assert.Equal((Return.First, 20), (inFlight.Take(1, out long sentAt), sentAt));
        Assert.Equal(Return.Again, inFlight.Take(1, out _));
        Assert.Equal((Return.First, 10), (inFlight.Take(0, out sentAt), sentAt));
        Assert.Equal(Return.Again, inFlight.Take(2, out _)); // never sent
    }

    [Fact]
    public void Should_say_too_late_when_its_place_was_taken()
    {
        InFlight inFlight = new(atLeast: 1);
        for (long number = 0; number <= 1 << 20; number++)
            inFlight.Sent(number, number + 1);
        Assert.Equal(Return.TooLate, inFlight.Take(0, out _));
        Assert.Equal((Return.First, 2), (inFlight.Take(1, out long sentAt), sentAt));
    }
}

public class LatencyHistogramSpecs
{
    [Fact]
    public void Should_give_quantiles_within_two_percent() =>
        Gen.Long[0, 1L << 50].Array[1, 300].Sample(values =>
        {
            LatencyHistogram histogram = new();
            foreach (long value in values)
                histogram.Add(value);
            Array.Sort(values);
            foreach (double share in (double[])[0.01, 0.5, 0.99, 1])
            {
                long exact = values[Math.Max((int)Math.Ceiling(share * values.Length), 1) - 1];
                long found = histogram.Quantile(share);
                if (found < exact || found > exact * 1.02 + 1)
                    return false;
            }

            return histogram.Max == values[^1] && histogram.Count == values.Length;
        });

    [Fact]
    public void Should_be_zero_when_empty() => Assert.Equal((0, 0), (new LatencyHistogram().Quantile(0.5), new LatencyHistogram().Max));
}
