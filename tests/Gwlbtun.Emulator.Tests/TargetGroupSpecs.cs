using System.Net;
using Gwlbtun.Emulator.LoadBalancing;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class TargetGroupSpecs
{
    private const int DelayMs = 1_000;

    private static readonly LoadBalancerOptions _options = new()
    {
        Appliances = [IPAddress.Parse("10.0.0.2"), IPAddress.Parse("10.0.0.3"), IPAddress.Parse("10.0.0.4")],
        Local = IPAddress.Parse("10.0.0.1"),
        DeregistrationDelay = TimeSpan.FromMilliseconds(DelayMs),
    };

    [Fact]
    public void Should_give_a_deregistered_target_no_new_flows_and_a_registered_one_again()
    {
        LoadBalancer loadBalancer = new(_options);
        loadBalancer.Targets[1].Deregister(nowMs: 0);
        Assert.Equal([0, 2], TargetsOf(Open(loadBalancer, nowMs: 1)));

        loadBalancer.Targets[1].Register();
        Assert.Equal([0, 1, 2], TargetsOf(Open(loadBalancer, nowMs: 2)));
    }

    [Fact]
    public void Should_never_use_a_deregistered_target_for_want_of_a_healthy_one()
    {
        LoadBalancer loadBalancer = new(_options with { FailOpen = true });
        foreach (Target target in loadBalancer.Targets)
            target.IsHealthy = false;
        loadBalancer.Targets[0].Deregister(nowMs: 0);
        Assert.Equal([1, 2], TargetsOf(Open(loadBalancer, nowMs: 1)));
    }

    [Fact]
    public void Should_call_its_state_by_the_names_of_AWS()
    {
        TargetGroup targets = new(_options);
        Target target = targets[0];
        Assert.Equal(TargetStatus.Healthy, targets.StatusOf(target, nowMs: 0));
        target.IsHealthy = false;
        Assert.Equal(TargetStatus.Unhealthy, targets.StatusOf(target, nowMs: 0));
        target.Deregister(nowMs: 5);
        target.Deregister(nowMs: 100); // does not begin anew
        Assert.Equal(TargetStatus.Draining, targets.StatusOf(target, nowMs: DelayMs + 4));
        Assert.Equal(TargetStatus.Unused, targets.StatusOf(target, nowMs: DelayMs + 5));
    }

    [Theory]
    [InlineData(nameof(Failover.NoRebalance))]
    [InlineData(nameof(Failover.Rebalance))]
    public void Should_keep_flows_with_a_target_that_is_draining(string failover)
    {
        LoadBalancer loadBalancer = new(_options with { Failover = Enum.Parse<Failover>(failover) });
        Flow[] flows = Open(loadBalancer, nowMs: 0);
        loadBalancer.Targets[1].Deregister(nowMs: 0);
        Flow[] after = Carry(loadBalancer, flows, nowMs: DelayMs - 1);
        Assert.Equal(flows.Select(Header), after.Select(Header));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Should_keep_flows_with_a_target_that_is_gone_when_not_to_rebalance(bool deregistered)
    {
        LoadBalancer loadBalancer = new(_options);
        Flow[] flows = Open(loadBalancer, nowMs: 0);
        PutOutOfService(loadBalancer.Targets[1], deregistered);
        Flow[] after = Carry(loadBalancer, flows, nowMs: DelayMs);
        Assert.Equal(flows.Select(Header), after.Select(Header));
        Assert.Equal(0, loadBalancer.Metrics.RebalancedFlowCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Should_move_the_flows_of_a_target_that_is_gone_once_when_to_rebalance(bool deregistered)
    {
        LoadBalancer loadBalancer = new(_options with { Failover = Failover.Rebalance });
        Flow[] flows = Open(loadBalancer, nowMs: 0);
        PutOutOfService(loadBalancer.Targets[1], deregistered);

        Flow[] after = Carry(loadBalancer, flows, nowMs: DelayMs);
        Assert.Equal([0, 2], TargetsOf(after));
        foreach ((Flow before, Flow now) in flows.Zip(after))
        {
            if (before.Target == 1)
                Assert.NotEqual(before.Cookie, now.Cookie);
            else
                Assert.Equal(Header(before), Header(now));
        }

        Assert.Equal(flows.Count(flow => flow.Target == 1), loadBalancer.Metrics.RebalancedFlowCount);
        Assert.Equal((flows.Length, flows.Length), (loadBalancer.Metrics.NewFlowCount, loadBalancer.Metrics.ActiveFlowCount));
        Assert.Equal(after.Select(Header), Carry(loadBalancer, after, nowMs: DelayMs + 1).Select(Header));
    }

    [Fact]
    public void Should_leave_flows_where_they_are_when_no_other_target_is_in_service()
    {
        LoadBalancer loadBalancer = new(_options with { Failover = Failover.Rebalance });
        Flow[] flows = Open(loadBalancer, nowMs: 0);
        foreach (Target target in loadBalancer.Targets)
            target.IsHealthy = false;
        Assert.Equal(flows.Select(Header), Carry(loadBalancer, flows, nowMs: 1).Select(Header));
    }

    private static void PutOutOfService(Target target, bool deregistered)
    {
        if (deregistered)
            target.Deregister(nowMs: 0);
        else
            target.IsHealthy = false;
    }

    private static Flow[] Open(LoadBalancer loadBalancer, long nowMs) => Carry(loadBalancer, new Flow[300], nowMs);

    // Sends a packet on each flow.
    private static Flow[] Carry(LoadBalancer loadBalancer, Flow[] flows, long nowMs)
    {
        Flow[] after = [.. flows];
        for (int i = 0; i < after.Length; i++)
            Assert.True(loadBalancer.TryAdmit(ref after[i], hash: (uint)i, mayOpen: true, nowMs));
        return after;
    }

    private static IEnumerable<int> TargetsOf(Flow[] flows) => flows.Select(flow => (int)flow.Target).Distinct().Order();

    private static (ushort, uint, ushort) Header(Flow flow) => (flow.Target, flow.Cookie, flow.SourcePort);
}
