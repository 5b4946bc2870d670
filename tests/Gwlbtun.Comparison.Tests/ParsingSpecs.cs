using Gwlbtun.Comparison.Cases;
using Gwlbtun.Comparison.Measuring;
using Gwlbtun.Comparison.Network;
using Xunit;

namespace Gwlbtun.Comparison.Tests;

public class ParsingSpecs
{
    [Fact]
    public void Should_count_as_busy_what_is_neither_idle_nor_waiting() =>
        Assert.Equal(
            new MachineTime(Ticks(100 + 20 + 300 + 6 + 7), Ticks(8), Ticks(100 + 20 + 300 + 4000 + 50 + 6 + 7 + 8)),
            MachineTime.Parse("cpu  100 20 300 4000 50 6 7 8 9 10"));

    private static TimeSpan Ticks(long ticks) => TimeSpan.FromMilliseconds(10 * ticks);

    [Fact]
    public void Should_read_how_much_memory_a_process_has() =>
        Assert.Equal(90_204 * 1024, ResidentMemory.ParseStatus(["Name:\tgwlbtun", "VmHWM:\t   91000 kB", "VmRSS:\t   90204 kB", "RssAnon:\t   1 kB"]));

    [Fact]
    public void Should_read_the_time_of_a_running_process()
    {
        TimeSpan before = ProcessorClock.OfProcess(Environment.ProcessId);
        while (ProcessorClock.OfProcess(Environment.ProcessId) == before)
            Thread.SpinWait(1_000);

        Assert.InRange(ProcessorClock.OfProcess(Environment.ProcessId), before, before + TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void Should_count_each_packet_of_those_that_arrived_as_one() =>
        // Seven alone, and five that share their headers.
        Assert.Equal(12, ArrivalCounter.Parse("""[{"ifname":"gwi-1","stats64":{"rx":{"bytes":1424,"packets":8,"errors":0},"tx":{"bytes":9,"packets":9}}}]""", bytes: 128));

    [Fact]
    public void Should_read_what_a_link_has_dropped_in_each_direction() =>
        Assert.Equal((3, 5), LossSites.OfLink(
            """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
                lo:       1       2    0    9    0     0          0         0        1       2    0    9    0     0       0          0
            uplink: 1230000    4560    1    3    2     0          0         0  7890000    1230    4    5    6     7       8          9
            """,
            "uplink"));

    [Fact]
    public void Should_read_what_udp_sockets_had_no_room_for() =>
        Assert.Equal(12, LossSites.OfSockets(
            """
            Tcp: InErrs
            Tcp: 4
            Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
            Udp: 2985 428 13 666162 12 7 0 0 0
            UdpLite: InDatagrams RcvbufErrors
            UdpLite: 0 1
            """));

    [Fact]
    public void Should_read_what_a_handler_says_that_it_has_dropped() =>
        Assert.Equal(
            [("sendQueueFull", 7L), ("noFlow", 2L)],
            LossSites.OfReport("<p>Dropped: 3 packets, sendQueueFull</p>\nDropped: 2 packets, noFlow\nDropped: 9 packets, kernelChatter\nDropped: 4 packets, sendQueueFull\n"));

    [Fact]
    public void Should_leave_out_what_was_dropped_before_the_run() =>
        Assert.Equal(
            new Dictionary<string, long> { ["handler: noFlow"] = 2, ["appliance: link, sent"] = 3 },
            LossSites.Since(
                new Dictionary<string, long> { ["appliance: link, sent"] = 4, ["load balancer: receive socket"] = 12, ["handler: eniParked"] = 5 },
                new Dictionary<string, long> { ["appliance: link, sent"] = 7, ["load balancer: receive socket"] = 12, ["handler: eniParked"] = 5, ["handler: noFlow"] = 2 }));

    [Fact]
    public void Should_say_which_cases_there_are_when_asked_for_another()
    {
        FormatException error = Assert.Throws<FormatException>(() => CaseCatalog.Named("smal"));

        Assert.Contains("'smal'", error.Message, StringComparison.Ordinal);
        Assert.Contains("many-1518", error.Message, StringComparison.Ordinal);
    }
}
