using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Stats;
using Xunit;

namespace Gwlbtun.Actors.Tests.Health;

public class TextReportSpecs
{
    [Fact]
    public void Should_be_the_page_of_the_cpp_handler_and_nothing_else_when_healthy()
    {
        const string expected =
            """
            <!DOCTYPE html>
            <html lang="en-us">
            <head><title>Health check</title></head><body>UDP receiver threads for port number 6081:
            UDP receiver thread 0 (ID 13685): Healthy, 64 packets in, 10752 bytes in, 0.043s since last packet.
            UDP receiver thread 1 (ID 13686): Healthy, 0 packets in, 0 bytes in, 1m1.500s since last packet.

            Handler for ENI 00b8ee1d4db0c51c0
            Interface gwi-1mCyRrMGsrI:
            62 packets out to OS, 8192 bytes out to OS, 0.044s since last packet.
            Tunnel handler thread 0 (ID 13689): Healthy, 2 packets in from OS, 152 bytes in from OS, 3.500s since last packet.

            Interface gwo-1mCyRrMGsrI:
            0 packets out to OS, 0 bytes out to OS, 4.250s since last packet.
            Tunnel handler thread 0 (ID 13689): Healthy, 61 packets in from OS, 8064 bytes in from OS, 0.045s since last packet.

            IPv4 Flow Cache for ENI 00b8ee1d4db0c51c0 : Contains 15 elements, of which 60 were just timed out (idle timeout is 350 seconds).
            IPv6 Flow Cache for ENI 00b8ee1d4db0c51c0 : Contains 24 elements, of which 150 were just timed out (idle timeout is 350 seconds).

            </body></html>
            """;

        Assert.Equal(expected, TextReport.Render(SampleReports.Healthy));
    }

    [Fact]
    public void Should_have_neither_gwo_nor_flow_caches_when_return_traffic_is_off()
    {
        var page = TextReport.Render(SampleReports.Healthy with { Enis = [SampleReports.EniWithoutReturnTraffic()] });

        Assert.Contains("Interface gwi-1mCyRrMGsrI:\n", page, StringComparison.Ordinal);
        Assert.DoesNotContain("gwo-", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Flow Cache", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_say_what_is_wrong_after_the_compatible_lines()
    {
        const string remarks =
            """
            IPv6 Flow Cache for ENI 00b8ee1d4db0c51c0 : Contains 24 elements, of which 150 were just timed out (idle timeout is 350 seconds).

            Problem: Receive thread 1 died: &lt;boom&gt;
            Problem: ENI 00b8ee1d4db0c51c0 is parked: gwi-1mCyRrMGsrI cannot be opened: EBUSY.
            Dropped: 1 packets, geneveTruncated
            Dropped: 7 packets, eniParked
            Dropped: 2 packets, kernelChatter
            Flow table of ENI 00b8ee1d4db0c51c0: 39 flows, 11 gave way to others, 65536 bytes of memory
            Fragments of ENI 00b8ee1d4db0c51c0: 21 packets remembered, 12 gave way to others, 32768 bytes of memory
            Hooks: 12 run, 3 failed, 1 timed out

            </body></html>
            """;

        var page = TextReport.Render(SampleReports.Failing);

        Assert.EndsWith(remarks, page, StringComparison.Ordinal);
        Assert.Contains("UDP receiver thread 1 (ID 13686): NOT healthy, 3 packets in, 504 bytes in, 12.000s since last packet.\n", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 0, 0, true)]
    [InlineData(0, 1, 0, true)]
    [InlineData(0, 0, 1, true)]
    [InlineData(0, 0, 0, false)]
    public void Should_tell_of_the_tables_when_something_gave_way_or_there_are_fragments(long flowsEvicted, long fragmentsEvicted, long fragments, bool told)
    {
        var eni = SampleReports.EniWithReturnTraffic() with { FlowTable = new(1, flowsEvicted, 1), Fragments = new(fragments, fragmentsEvicted, 1) };

        var page = TextReport.Render(SampleReports.Healthy with { Enis = [eni] });

        Assert.Equal(told, page.Contains("Flow table of ENI", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, "0.000s")]
    [InlineData(0.611, "0.611s")]
    [InlineData(60, "60.000s")]
    [InlineData(63.25, "1m3.250s")]
    [InlineData(3600, "60m0.000s")]
    [InlineData(7500.1, "2h5m0.100s")]
    [InlineData(97_321, "1d 3h2m1.000s")]
    public void Should_write_a_duration_as_the_cpp_handler_did(double seconds, string expected) =>
        Assert.Equal(expected, TextReport.Duration(seconds));

    [Fact]
    public void Should_still_be_a_page_when_there_is_no_report()
    {
        var page = TextReport.Render(GatewayReport.Unavailable("The handler did not report."));

        Assert.StartsWith("<!DOCTYPE html>\n", page, StringComparison.Ordinal);
        Assert.Contains("\nProblem: The handler did not report.\n", page, StringComparison.Ordinal);
    }
}
