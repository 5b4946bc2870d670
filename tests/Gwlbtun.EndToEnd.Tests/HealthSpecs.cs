using System.Net;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests;

public sealed class HealthSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Should_report_in_the_lines_of_the_cpp_handler(string host)
    {
        var gwlbtun = await StartAsync("-c", Passthrough);
        await Gwlb.EchoAsync(new GwlbFlow(Eni, 1), 0);
        var (status, body, cacheControl) = await gwlbtun.GetHealthAsync(host, "/any/path");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("max-age=0", cacheControl, StringComparison.Ordinal);
        Assert.Contains("no-cache", cacheControl, StringComparison.Ordinal);
        Assert.Matches(@"UDP receiver thread 0 \(ID \d+\): Healthy, \d+ packets in, \d+ bytes in, ", body);
        Assert.Matches($@"Interface {Gwi}:\n1 packets out to OS, 128 bytes out to OS, ", body);
        Assert.Matches($@"Interface {Gwo}:\n", body);
        Assert.Matches(@"Tunnel handler thread 0 \(ID \d+\): Healthy, \d+ packets in from OS, ", body);
        Assert.Contains($"IPv4 Flow Cache for ENI {EniText} : Contains 1 elements, of which 0 were just timed out (idle timeout is ", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_report_in_json_what_went_through()
    {
        var gwlbtun = await StartAsync("-j", "-c", Passthrough);
        for (var n = 0; n < 10; n++)
            await Gwlb.EchoAsync(new GwlbFlow(Eni, n, IsV6: n >= 6), 0, 200);
        var report = await gwlbtun.GetReportAsync();

        Assert.Equal(6081, report.GetProperty("udp").GetProperty("UDPPacketReceiver").GetProperty("portNumber").GetInt32());
        var received = report.GetProperty("udp").GetProperty("UDPPacketReceiver").GetProperty("threads").EnumerateArray().Sum(thread => thread.GetProperty("pktsIn").GetInt32());
        Assert.Equal(10, received);
        var eni = Assert.Single(report.GetProperty("enis").EnumerateArray().ToArray());
        Assert.Equal(EniText, eni.GetProperty("eniStr").GetString());
        Assert.Equal(Gwi, eni.GetProperty("tunnelIn").GetProperty("devname").GetString());
        Assert.Equal(10, eni.GetProperty("tunnelIn").GetProperty("pktsOut").GetInt32());
        Assert.Equal(2000, eni.GetProperty("tunnelIn").GetProperty("bytesOut").GetInt32());
        var returned = eni.GetProperty("tunnelOut").GetProperty("threads").EnumerateArray().ToArray();
        Assert.Equal(10, returned.Sum(thread => thread.GetProperty("pktsIn").GetInt32()));
        Assert.Equal(2000, returned.Sum(thread => thread.GetProperty("bytesIn").GetInt32()));
        Assert.Equal(6, eni.GetProperty("v4FlowCacheUdp").GetProperty("size").GetInt32());
        Assert.Equal(4, eni.GetProperty("v6FlowCacheUdp").GetProperty("size").GetInt32());
        Assert.Equal(6, eni.GetProperty("v4FlowCache")[1][1].GetInt32());
    }

    [Fact]
    public async Task Should_answer_with_the_status_alone_when_told_so()
    {
        var gwlbtun = await StartAsync("-p", "8060", "-s");
        var (status, body, _) = await gwlbtun.GetHealthAsync();
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Empty(body);
    }

    [Fact]
    public async Task Should_count_what_it_refuses_by_reason()
    {
        var gwlbtun = await StartAsync("-j", "-c", Passthrough);
        var flow = new GwlbFlow(Eni, 1);
        await Gwlb.EchoAsync(flow, 0);
        byte[] wrongVersion = [.. flow.GeneveHeader(), .. flow.Packet(1)];
        wrongVersion[0] |= 0x40;
        for (var n = 0; n < 3; n++)
            Gwlb.SendDatagram(flow.OuterSourcePort, wrongVersion);
        await Gwlb.EchoAsync(flow, 2);

        var drops = (await gwlbtun.GetReportAsync()).GetProperty("drops").EnumerateObject().Where(drop => drop.Value.GetInt64() > 0);
        Assert.Equal(3, Assert.Single(drops).Value.GetInt64());
    }
}
