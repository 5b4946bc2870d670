using System.Buffers.Binary;
using CsCheck;
using Gwlbtun.Emulator.Blasting;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class FlowScheduleSpecs
{
    [Fact]
    public void Should_let_every_flow_live_its_time_and_another_take_its_place() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 4], Gen.Int[1, 12]).Sample((alive, burst, lifetime) =>
        {
            FlowSchedule schedule = new(alive, burst, lifetime);
            Dictionary<int, uint> next = [];
            HashSet<int> ended = [];
            bool isRight = true;
            for (long number = 0; number < 5 * alive * burst * lifetime; number++)
            {
                int flow = schedule.FlowOf(number);
                uint sequence = schedule.SequenceOf(number);
                isRight &= sequence == next.GetValueOrDefault(flow) && !ended.Contains(flow) && flow < schedule.Flows;
                next[flow] = sequence + 1;
                if (!schedule.IsLast(number))
                    continue;
                ended.Add(flow);
                // The first flow of a place may be cut short: they do not all end together.
                isRight &= flow < alive ? sequence < lifetime * burst : sequence == lifetime * burst - 1;
            }

            return isRight && next.Count - ended.Count <= alive && ended.Count >= 4 * alive;
        });

    [Fact]
    public void Should_spread_the_ends_evenly()
    {
        FlowSchedule schedule = new(alive: 100, burst: 1, lifetime: 10);
        for (int round = 0; round < 50; round++)
            Assert.Equal(10, Enumerable.Range(round * 100, 100).Count(number => schedule.IsLast(number)));
    }

    [Fact]
    public void Should_have_only_flows_that_there_are_addresses_for()
    {
        FlowSchedule schedule = new(alive: 300, burst: 1, lifetime: 2);
        Assert.InRange(schedule.Flows, 1, InnerAddresses.MaximumFlows);
        Assert.InRange(schedule.FlowOf(long.MaxValue / 4), 0, schedule.Flows - 1);
    }

    [Fact]
    public void Should_begin_and_end_TCP_flows_as_TCP_does()
    {
        const int Lifetime = 5;
        BlastOptions options = new() { Flows = 4, Protocol = BlastProtocol.Tcp, Lifetime = Lifetime, Sizes = SizeMix.Parse("100:2,200") };
        TrafficPlan plan = new(options, endpoints: 1);
        byte[] packet = new byte[1_000];
        Dictionary<int, uint> expected = [];
        for (long number = 0; number < 200; number++)
        {
            int payload = plan.Write(packet, number) - 40;
            int flow = plan.FlowOf(number);
            bool isFirst = plan.SequenceOf(number) == 0;
            Assert.Equal(isFirst ? 0x02 : plan.IsLast(number) ? 0x11 : 0x10, packet[20 + 13]);
            Assert.Equal(expected.GetValueOrDefault(flow), BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(24)));
            expected[flow] = expected.GetValueOrDefault(flow) + (uint)payload + (isFirst ? 1u : 0);
        }

        Assert.True(expected.Count > 4);
    }
}
