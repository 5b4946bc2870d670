using System.Text;
using System.Text.Json;
using Gwlbtun.Actors.Health;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Actors.Tests.Health;

public class JsonReportSpecs
{
    [Fact]
    public void Should_have_the_keys_and_shapes_of_both_cpp_versions_beside_our_own()
    {
        var expected = Compact(
            """
            {"drops":{},
            "enis":[{
              "bytesOut":8192,"drops":{},"eniStr":"00b8ee1d4db0c51c0",
              "flowTable":{"evicted":0,"memoryBytes":65536,"size":39},"fragments":{"evicted":0,"memoryBytes":32768,"size":0},
              "gwlbEndpointId":"vpce-00b8ee1d4db0c51c0","healthy":true,
              "pktsDropped":0,"pktsOut":62,"restarts":0,"secsSinceLastPacket":0.044,"state":"live",
              "tunnelIn":{"bytesOut":8192,"devname":"gwi-1mCyRrMGsrI","pktsOut":62,"secsSincelastPacket":0.044,"threads":[
                {"bytesIn":152,"healthy":true,"pktsIn":2,"secsSincelastPacket":3.500,"threadId":13689,"threadNumber":0,"valid":true}]},
              "tunnelOut":{"bytesOut":0,"devname":"gwo-1mCyRrMGsrI","pktsOut":0,"secsSincelastPacket":4.250,"threads":[
                {"bytesIn":8064,"healthy":true,"pktsIn":61,"secsSincelastPacket":0.045,"threadId":13689,"threadNumber":0,"valid":true}]},
              "v4FlowCache":[["cacheName","IPv4 Flow Cache for ENI 00b8ee1d4db0c51c0"],["size",15],["timedOut",60],"idleTimeoutSecs",350],
              "v4FlowCacheOther":{"cacheName":"IPv4 Other Flow Cache for GWLBe vpce-00b8ee1d4db0c51c0","idleTimeoutSecs":120,"size":6,"timedOut":30},
              "v4FlowCacheTcp":{"cacheName":"IPv4 TCP Flow Cache for GWLBe vpce-00b8ee1d4db0c51c0","idleTimeoutSecs":350,"size":4,"timedOut":10},
              "v4FlowCacheUdp":{"cacheName":"IPv4 UDP Flow Cache for GWLBe vpce-00b8ee1d4db0c51c0","idleTimeoutSecs":120,"size":5,"timedOut":20},
              "v6FlowCache":[["cacheName","IPv6 Flow Cache for ENI 00b8ee1d4db0c51c0"],["size",24],["timedOut",150],"idleTimeoutSecs",350],
              "v6FlowCacheOther":{"cacheName":"IPv6 Other Flow Cache for GWLBe vpce-00b8ee1d4db0c51c0","idleTimeoutSecs":120,"size":9,"timedOut":60},
              "v6FlowCacheTcp":{"cacheName":"IPv6 TCP Flow Cache for GWLBe vpce-00b8ee1d4db0c51c0","idleTimeoutSecs":350,"size":7,"timedOut":40},
              "v6FlowCacheUdp":{"cacheName":"IPv6 UDP Flow Cache for GWLBe vpce-00b8ee1d4db0c51c0","idleTimeoutSecs":120,"size":8,"timedOut":50}
            }],
            "healthy":true,"hooks":{"failed":0,"run":1,"timedOut":0},"problems":[],
            "process":{"processId":13680,"residentBytes":104857600,"uptimeSecs":61.500,"version":"1.2.3"},
            "summary":{"eniCount":1,"totalBytesIn":10752,"totalBytesOut":8192,"totalPktsDropped":0,"totalPktsIn":64,"totalPktsOut":62},
            "udp":{"UDPPacketReceiver":{"portNumber":6081,"threads":[
              {"bytesIn":10752,"healthy":true,"pktsIn":64,"secsSinceLastPacket":0.043,"threadId":13685,"threadNumber":0,"valid":true},
              {"bytesIn":0,"healthy":true,"pktsIn":0,"secsSinceLastPacket":61.500,"threadId":13686,"threadNumber":1,"valid":true}]}}}
            """);

        Assert.Equal(expected, Render(SampleReports.Healthy));
    }

    [Fact]
    public void Should_say_what_is_wrong_when_something_is()
    {
        using var document = JsonDocument.Parse(Render(SampleReports.Failing));
        var root = document.RootElement;
        var eni = root.GetProperty("enis")[0];

        Assert.False(root.GetProperty("healthy").GetBoolean());
        Assert.Equal("Receive thread 1 died: <boom>", root.GetProperty("problems")[0].GetString());
        Assert.Equal("""{"eniParked":7,"geneveTruncated":1,"kernelChatter":2}""", root.GetProperty("drops").GetRawText());
        Assert.Equal(8, root.GetProperty("summary").GetProperty("totalPktsDropped").GetInt32());
        Assert.Equal("""{"failed":3,"run":12,"timedOut":1}""", root.GetProperty("hooks").GetRawText());
        Assert.False(root.GetProperty("udp").GetProperty("UDPPacketReceiver").GetProperty("threads")[1].GetProperty("healthy").GetBoolean());
        Assert.False(eni.GetProperty("healthy").GetBoolean());
        Assert.Equal("parked", eni.GetProperty("state").GetString());
        Assert.Equal("gwi-1mCyRrMGsrI cannot be opened: EBUSY", eni.GetProperty("problem").GetString());
        Assert.Equal(10, eni.GetProperty("restarts").GetInt32());
        Assert.Equal(7, eni.GetProperty("pktsDropped").GetInt32());
        Assert.Equal("""{"eniParked":7,"kernelChatter":2}""", eni.GetProperty("drops").GetRawText());
    }

    [Fact]
    public void Should_leave_out_tunnelOut_and_flow_caches_when_return_traffic_is_off()
    {
        using var document = JsonDocument.Parse(Render(SampleReports.Healthy with { Enis = [SampleReports.EniWithoutReturnTraffic()] }));
        var keys = document.RootElement.GetProperty("enis")[0].EnumerateObject().Select(key => key.Name);

        Assert.Equal(
            ["bytesOut", "drops", "eniStr", "gwlbEndpointId", "healthy", "pktsDropped", "pktsOut", "restarts", "secsSinceLastPacket", "state", "tunnelIn"],
            keys);
    }

    [Fact]
    public void Should_keep_the_arrays_that_parsers_walk_when_there_is_nothing_in_them()
    {
        using var document = JsonDocument.Parse(Render(GatewayReport.Unavailable("No answer.")));
        var root = document.RootElement;

        Assert.Equal("[]", root.GetProperty("enis").GetRawText());
        Assert.Equal("[]", root.GetProperty("udp").GetProperty("UDPPacketReceiver").GetProperty("threads").GetRawText());
        Assert.Equal("""["No answer."]""", root.GetProperty("problems").GetRawText());
        Assert.False(root.GetProperty("healthy").GetBoolean());
    }

    [Fact]
    public void Should_write_numbers_in_full_when_they_are_large()
    {
        var receiver = new ThreadReport(0, 1, true, ulong.MaxValue, ulong.MaxValue - 1, 1e9);

        var document = Render(SampleReports.Empty with { Receivers = [receiver] });

        Assert.Contains(
            "\"bytesIn\":18446744073709551614,\"healthy\":true,\"pktsIn\":18446744073709551615,\"secsSinceLastPacket\":1000000000.000,",
            document,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Should_name_every_drop_reason_differently()
    {
        var names = Enum.GetValues<DropReason>().Select(DropCounts.Name).ToList();

        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.All(names, name => Assert.Matches("^[a-z][A-Za-z0-9]+$", name));
    }

    private static string Render(GatewayReport report) => Encoding.UTF8.GetString(JsonReport.Render(report).Span);

    private static string Compact(string document) => string.Concat(document.Split('\n').Select(line => line.Trim()));
}
