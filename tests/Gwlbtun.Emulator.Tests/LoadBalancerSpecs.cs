using System.Net;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class LoadBalancerSpecs
{
    private static readonly LoadBalancerOptions _options = new()
    {
        Appliances = [IPAddress.Parse("10.0.0.2"), IPAddress.Parse("10.0.0.3"), IPAddress.Parse("10.0.0.4")],
        Local = IPAddress.Parse("10.0.0.1"),
    };

    [Theory]
    [InlineData(FlowKind.Tcp, 350_000)]
    [InlineData(FlowKind.Udp, 120_000)]
    [InlineData(FlowKind.Other, 120_000)]
    public void Should_keep_cookie_port_and_target_until_idle_too_long(object kind, int idleMs)
    {
        LoadBalancer loadBalancer = new(_options);
        Flow flow = new() { Kind = (FlowKind)kind, ProtocolType = EtherType.Ipv4 };
        Assert.True(loadBalancer.TryAdmit(ref flow, hash: 7, mayOpen: true, nowMs: 0));
        Flow opened = flow;

        Assert.True(loadBalancer.TryAdmit(ref flow, hash: 7, mayOpen: false, nowMs: idleMs));
        Assert.Equal((opened.Cookie, opened.SourcePort, opened.Target), (flow.Cookie, flow.SourcePort, flow.Target));
        Assert.Equal((1, 1), (loadBalancer.Metrics.ActiveFlowCount, loadBalancer.Metrics.NewFlowCount));

        Assert.True(loadBalancer.TryAdmit(ref flow, hash: 7, mayOpen: true, nowMs: 2 * idleMs + 1));
        Assert.NotEqual(opened.Cookie, flow.Cookie);
        Assert.Equal((opened.SourcePort, opened.Target), (flow.SourcePort, flow.Target));
        Assert.Equal((1, 2, 1), (loadBalancer.Metrics.ActiveFlowCount, loadBalancer.Metrics.NewFlowCount, loadBalancer.Metrics.PeakFlowCount));
    }

    [Fact]
    public void Should_refuse_data_of_a_flow_that_does_not_exist()
    {
        LoadBalancer loadBalancer = new(_options);
        Flow flow = default;
        Assert.False(loadBalancer.TryAdmit(ref flow, hash: 7, mayOpen: false, nowMs: 0));
        Assert.Equal((1, 0), (loadBalancer.Metrics.NoFlowForData, loadBalancer.Metrics.NewFlowCount));
    }

    [Fact]
    public void Should_give_new_flows_healthy_targets_only_and_keep_the_old_ones_where_they_are()
    {
        LoadBalancer loadBalancer = new(_options);
        Flow[] flows = [.. Enumerable.Range(0, 300).Select(_ => new Flow())];
        uint hash = 0;
        foreach (ref Flow flow in flows.AsSpan())
            Assert.True(loadBalancer.TryAdmit(ref flow, hash++, mayOpen: true, nowMs: 0));
        Assert.Equal([100, 100, 100], flows.CountBy(flow => flow.Target).Select(count => count.Value));

        loadBalancer.Targets[1].IsHealthy = false;
        ushort[] before = [.. flows.Select(flow => flow.Target)];
        hash = 0;
        foreach (ref Flow flow in flows.AsSpan())
            Assert.True(loadBalancer.TryAdmit(ref flow, hash++, mayOpen: true, nowMs: 1));
        Assert.Equal(before, flows.Select(flow => flow.Target));

        for (hash = 0; hash < 100; hash++)
        {
            Flow flow = default;
            Assert.True(loadBalancer.TryAdmit(ref flow, hash, mayOpen: true, nowMs: 2));
            Assert.NotEqual(1, flow.Target);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Should_use_unhealthy_targets_only_when_told_to_fail_open(bool failOpen)
    {
        LoadBalancer loadBalancer = new(_options with { FailOpen = failOpen });
        foreach (Target target in loadBalancer.Targets)
            target.IsHealthy = false;
        Flow flow = default;
        Assert.Equal(failOpen, loadBalancer.TryAdmit(ref flow, hash: 7, mayOpen: true, nowMs: 0));
        Assert.Equal(failOpen ? 0 : 1, loadBalancer.Metrics.NoHealthyTarget);
        IReadOnlyDictionary<string, long> metrics = loadBalancer.Metrics.Snapshot(loadBalancer.Judgements, loadBalancer.Targets);
        Assert.Equal((0, 3), (metrics["HealthyHostCount"], metrics["UnHealthyHostCount"]));
    }

    [Fact]
    public void Should_use_source_ports_from_1024_on_other_than_the_Geneve_port()
    {
        LoadBalancer loadBalancer = new(_options);
        HashSet<ushort> ports = [];
        for (uint hash = 0; hash < 70_000; hash++)
        {
            Flow flow = default;
            loadBalancer.TryAdmit(ref flow, hash, mayOpen: true, nowMs: 0);
            ports.Add(flow.SourcePort);
        }

        Assert.Equal(65_536 - 1024 - 1, ports.Count);
        Assert.DoesNotContain((ushort)6081, ports);
        Assert.Equal(1024, ports.Min());
    }

    [Theory]
    [InlineData(30_000, false, nameof(Judgement.Accepted))]
    [InlineData(30_001, false, nameof(Judgement.PacketsDroppedCount_MissingFlowEntry))]
    [InlineData(30_001, true, nameof(Judgement.Accepted))]
    public void Should_take_a_first_answer_for_30_seconds(int afterMs, bool answeredBefore, string expected)
    {
        LoadBalancer loadBalancer = new(_options);
        Flow flow = new() { ProtocolType = EtherType.Ipv4, Kind = FlowKind.Tcp };
        loadBalancer.TryAdmit(ref flow, hash: 7, mayOpen: true, nowMs: 0);
        if (answeredBefore)
            Assert.Equal(Judgement.Accepted, Return(loadBalancer, ref flow, nowMs: 1));

        Assert.Equal(Enum.Parse<Judgement>(expected), Return(loadBalancer, ref flow, afterMs));
    }

    [Fact]
    public void Should_not_know_a_flow_that_was_idle_too_long()
    {
        LoadBalancer loadBalancer = new(_options);
        Flow flow = new() { ProtocolType = EtherType.Ipv4, Kind = FlowKind.Udp };
        loadBalancer.TryAdmit(ref flow, hash: 7, mayOpen: true, nowMs: 0);
        Return(loadBalancer, ref flow, nowMs: 1);
        Assert.Equal(Judgement.PacketsDroppedCount_MissingFlowEntry, Return(loadBalancer, ref flow, nowMs: 120_002));
        Assert.Equal(0, loadBalancer.Metrics.ActiveFlowCount);
    }

    [Fact]
    public void Should_not_take_a_packet_from_another_target_than_the_flow_has()
    {
        LoadBalancer loadBalancer = new(_options);
        Flow flow = new() { ProtocolType = EtherType.Ipv4 };
        loadBalancer.TryAdmit(ref flow, hash: 1, mayOpen: true, nowMs: 0);
        Assert.Equal(1, flow.Target);
        Assert.Equal(Judgement.PacketsDroppedCount_InvalidGeneveTunnel, Return(loadBalancer, ref flow, nowMs: 1, source: "10.0.0.2"));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Should_find_fault_with_fragments_and_cut_datagrams(bool wasFragmented, bool wasTruncated)
    {
        ReceivedDatagram datagram = new() { WasFragmented = wasFragmented, WasTruncated = wasTruncated };
        Assert.Equal(Judgement.BadOuter, new LoadBalancer(_options).JudgeTunnel(datagram, out _, out _));
    }

    // Encapsulates a packet and hands it back as the flow's target would.
    private static unsafe Judgement Return(LoadBalancer loadBalancer, ref Flow flow, long nowMs, string? source = null)
    {
        byte* slot = stackalloc byte[128];
        int headers = loadBalancer.Encapsulate(slot + 100, 20, flow, out uint target);
        ReceivedDatagram datagram = new()
        {
            Payload = slot + 100 - headers + OuterHeader.Length,
            Length = headers - OuterHeader.Length + 20,
            SourceAddress = source is null ? target : BitConverter.ToUInt32(IPAddress.Parse(source).GetAddressBytes()),
            SourcePort = flow.SourcePort,
            DestinationAddress = BitConverter.ToUInt32(_options.Local.GetAddressBytes()),
        };
        Judgement tunnel = loadBalancer.JudgeTunnel(datagram, out GeneveView geneve, out _);
        return tunnel != Judgement.Accepted ? tunnel : loadBalancer.JudgeFlow(datagram, geneve, ref flow, nowMs);
    }
}
