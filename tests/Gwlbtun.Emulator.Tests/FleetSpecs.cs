using System.Net;
using Gwlbtun.Emulator.Blasting;
using Gwlbtun.Emulator.Fleet;
using Gwlbtun.Emulator.Judging;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

/// <summary>Three appliances behind one load balancer.</summary>
public class FleetSpecs
{
    private const int Packets = 3_000;

    private static readonly IPAddress[] _addresses = [IPAddress.Parse("127.0.0.2"), IPAddress.Parse("127.0.0.3"), IPAddress.Parse("127.0.0.4")];

    private static readonly LoadBalancerOptions _loadBalancer = new() { Appliances = _addresses, Local = IPAddress.Loopback, DeregistrationDelay = TimeSpan.FromMilliseconds(1) };

    // All of it takes 0.75 s, and a flow 0.15 s.
    private static readonly BlastOptions _options = new()
    {
        Flows = 60,
        Protocol = BlastProtocol.Mix,
        Ip = BlastIp.Mix,
        Rate = 4_000,
        Packets = Packets,
        Lifetime = 10,
        Duration = Wait.Patience,
        Patience = Wait.Patience,
    };

    // What is refused is not waited for, but what is lost.
    private static readonly BlastOptions _lossy = _options with { Patience = TimeSpan.FromSeconds(4) };

    [Fact]
    public void Should_carry_flows_that_begin_and_end_over_all_targets() => Sandbox.Run(() =>
    {
        // In a closed loop: at a rate, a machine that stalls has many flows begin and end at once.
        const int Window = 60;
        Run run = new(_options with { Rate = null, Window = Window }, _loadBalancer);
        Assert.Empty(run.Result.Objections(new HashSet<Judgement>(), maximumLoss: 0));
        Assert.Equal((Packets, Packets), (run.Result.Sent, run.Result.Returned));
        TargetCounts[] targets = Assert.Single(run.Ledger.Phases).Targets;
        Assert.All(targets, target => Assert.InRange(target.Opened, 50, 200));
        Assert.Equal((Packets, Packets, 0), (targets.Sum(target => target.Sent), targets.Sum(target => target.Returned), targets.Sum(target => target.MovedIn)));
        // 10 packets each, but for those that were cut short at the beginning and the end.
        Assert.Equal(targets.Sum(target => target.Opened), run.LoadBalancer.Metrics.NewFlowCount);
        Assert.InRange(run.LoadBalancer.Metrics.NewFlowCount, Packets / 10, Packets / 10 + 60);
        Assert.Equal(run.LoadBalancer.Metrics.ActiveFlowCount, Enumerable.Range(0, 3).Sum(run.Ledger.CarriedBy));
        Assert.InRange(run.LoadBalancer.Metrics.PeakFlowCount, 60, 60 + Window);
    });

    [Fact]
    public void Should_let_the_flows_of_a_draining_target_end_there_and_give_it_no_others() => Sandbox.Run(() =>
    {
        Run run = new(_options, _loadBalancer with { DeregistrationDelay = TimeSpan.FromMinutes(1) }, (target, _) => target.Deregister(0));
        Assert.Equal(0, run.Result.Lost);
        TargetCounts after = run.Ledger.Phases[1].Targets[1];
        Assert.Equal((0, 0), (after.Opened, after.MovedIn));
        Assert.True(after.Sent > 0);
        Assert.Equal(0, run.Ledger.CarriedBy(1));
    });

    [Fact]
    public void Should_move_flows_that_never_end_without_loss_when_to_rebalance() => Sandbox.Run(() =>
    {
        Run run = new(_options with { Lifetime = null }, _loadBalancer with { Failover = Failover.Rebalance }, (target, _) => target.Deregister(0));
        // A flow that moves may overtake itself: what it has left with a target that is late comes back after what went to another.
        Assert.Empty(run.Result.Objections(new HashSet<Judgement> { Judgement.Reordered }, maximumLoss: 0));
        TargetCounts[] before = run.Ledger.Phases[0].Targets, after = run.Ledger.Phases[1].Targets;
        Assert.Equal(0, after[1].Sent);
        Assert.Equal(before[1].Opened, after[0].MovedIn + after[2].MovedIn);
        Assert.Equal((0, 0), (after.Sum(target => target.Opened), run.Ledger.CarriedBy(1)));
    });

    [Fact]
    public void Should_lose_what_is_sent_to_a_dead_target_and_nothing_else() => Sandbox.Run(() =>
    {
        Run run = new(_lossy, _loadBalancer, (_, stop) => stop());
        TargetCounts[] after = run.Ledger.Phases[1].Targets;
        Assert.True(after[1].Lost > 0);
        // What the target had not read yet when it died was sent before.
        Assert.Equal(run.Ledger.Phases[0].Targets[1].Lost + after[1].Lost, run.Result.Lost);
        Assert.Equal(run.Result.Lost, run.Ledger.Lossy.Sum(flow => flow.Lost));
        // Nobody has said that it is dead.
        Assert.True(after[1].Opened > 0);
    });

    [Theory]
    [InlineData("another target", nameof(Judgement.PacketsDroppedCount_InvalidGeneveTunnel))]
    [InlineData("another cookie", nameof(Judgement.PacketsDroppedCount_InvalidGwlbFlowCookie))]
    [InlineData("another byte", nameof(Judgement.BadChecksum))]
    [InlineData("twice", nameof(Judgement.Duplicated))]
    public void Should_name_the_fault_when_a_target_returns(string fault, string expected) => Sandbox.Run(() =>
    {
        IEnumerable<Reply> Play(Reply right, int number) => number != 300
            ? [right]
            : fault switch
            {
                "another target" => [right with { Source = _addresses[1] }],
                "another cookie" => [right.WithFlippedByte(39)],
                "another byte" => [right.WithFlippedByte(Reply.InnerOffset + 70)],
                _ => [right, right],
            };

        // Flows that go on: what is returned twice is of one that is still there.
        Run run = new(_options with { Lifetime = null }, _loadBalancer, play: Play);
        Assert.Equal(new Dictionary<string, long> { [expected] = 1 }, run.Result.Judgements.Faults().Where(found => found.Value != 0).ToDictionary());
        Assert.Equal(fault == "twice" ? 0 : 1, run.Result.Lost);
    });

    [Fact]
    public void Should_say_when_a_target_changes_its_status_and_when_it_has_no_flows_left()
    {
        LoadBalancer loadBalancer = new(_loadBalancer with { DeregistrationDelay = TimeSpan.FromSeconds(10) });
        FleetLedger ledger = new(3);
        StringWriter output = new() { NewLine = "\n" };
        TargetWatch watch = new(loadBalancer.TargetGroup, ledger, output);
        FleetFlow flow = new(0, new Flow { Target = 1 });
        watch.Look(nowMs: 0);
        ledger.Sent(flow.LegFor(0), before: null);
        watch.Look(nowMs: 0);
        watch.Look(nowMs: 1);
        loadBalancer.Targets[1].Deregister(nowMs: 1);
        watch.Look(nowMs: 1);
        ledger.Ended(flow);
        watch.Look(nowMs: 2);
        watch.Look(nowMs: 10_001);

        Assert.Equal(
            """
            target 127.0.0.2 healthy, 0 flows
            target 127.0.0.3 healthy, 0 flows
            target 127.0.0.4 healthy, 0 flows
            target 127.0.0.3 healthy, 1 flows
            target 127.0.0.3 draining, 1 flows
            target 127.0.0.3 draining, 0 flows
            target 127.0.0.3 unused, 0 flows

            """, output.ToString());
    }

    [Fact]
    public void Should_do_what_is_said_on_its_input()
    {
        TargetGroup targets = new(_loadBalancer);
        FleetLedger ledger = new(3);
        StringWriter output = new() { NewLine = "\n" };
        string said = "deregister 127.0.0.3\nregister 127.0.0.9\nphase second half\nderegister 127.0.0.4\nregister 127.0.0.3\nphase\n";
        FleetCommands commands = new(new StringReader(said), targets, ledger, output);
        Assert.True(SpinWait.SpinUntil(() =>
        {
            commands.Apply(nowMs: 7, nextPacket: 99);
            return output.ToString().Count(character => character == '\n') == 6;
        }, Wait.Patience));

        Assert.Equal([null, null, 7], targets.Targets.Select(target => target.DeregisteredMs));
        Assert.Equal([("start", 0), ("second half", 99)], ledger.Phases.Select(phase => (phase.Name, phase.FirstNumber)));
        Assert.Equal(
            """
            deregister 127.0.0.3
            'register 127.0.0.9' is none of: register ADDRESS, deregister ADDRESS, phase NAME
            phase second half
            deregister 127.0.0.4
            register 127.0.0.3
            'phase' is none of: register ADDRESS, deregister ADDRESS, phase NAME

            """, output.ToString());
    }

    /// <summary>A run over three reflectors, in which something befalls the second one at half-time.</summary>
    private sealed class Run
    {
        public Run(BlastOptions options, LoadBalancerOptions loadBalancerOptions, Action<Target, Action>? atHalfTime = null, Func<Reply, int, IEnumerable<Reply>>? play = null)
        {
            LoadBalancer = new LoadBalancer(loadBalancerOptions);
            List<Reflector> appliances = [.. _addresses.Select((address, i) => new Reflector(address, loadBalancerOptions.Port, i == 0 ? play : null))];
            try
            {
                using Blaster blaster = new(options, loadBalancerOptions, LoadBalancer, channel =>
                    new FleetTraffic(options, loadBalancerOptions.Endpoints, LoadBalancer, channel, Ledger, (_, nextPacket) =>
                    {
                        if (atHalfTime is null || nextPacket < Packets / 2 || Ledger.Phases.Count > 1)
                            return;
                        Ledger.Begin("after", nextPacket);
                        atHalfTime(LoadBalancer.Targets[1], () =>
                        {
                            appliances[1].Dispose();
                            appliances.RemoveAt(1);
                        });
                    }));
                Result = blaster.Run(CancellationToken.None);
            }
            finally
            {
                foreach (Reflector appliance in appliances)
                    appliance.Dispose();
            }
        }

        public LoadBalancer LoadBalancer { get; }

        public FleetLedger Ledger { get; } = new(_addresses.Length);

        public BlastResult Result { get; }
    }
}
