using System.Net;
using Akka.Actor;
using Gwlbtun.Actors.Receiving;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gwlbtun.Actors.Tests.Receiving;

/// <summary>When the receive threads spread and gather. The threads are real, but do not run; what the load is, and what time it is, the test says.</summary>
public sealed class LoadFollowerSpecs : IDisposable
{
    private static readonly DataPlaneOptions _options = new() { ReceiveThreads = ThreadPlan.Unpinned(4), TunnelThreads = ThreadPlan.Unpinned(4) };

    private readonly Quiescence _quiescence = new();
    private readonly Gwlbtun.Actors.Gateway.DataPlaneRelay _observer = new(NullLoggerFactory.Instance);
    private readonly UdpSocket _socket = UdpSocket.Open(new IPEndPoint(IPAddress.Loopback, 0), 1 << 16);
    private readonly TunnelThread[] _tunnels;
    private readonly Seating _seating;
    private readonly ScriptedCrew _crew = new();
    private readonly ScriptedTimers _timers = new();
    private readonly LoadFollower _follower;

    public LoadFollowerSpecs()
    {
        _tunnels = [.. Enumerable.Range(0, 4).Select(i => new TunnelThread(i, _options, ReturnPath.Open(_socket, null, joins: true), _quiescence, _observer))];
        _seating = new Seating(_tunnels, receiveThreads: 4, isGathering: true);
        _follower = new LoadFollower(_seating, _crew, _timers, ActorRefs.Nobody, NullLogger.Instance);
    }

    [Fact]
    public void Should_spread_when_there_is_no_end_of_work_and_stay_so_when_more_is_received()
    {
        Spread(before: 100, after: 150);

        Assert.Equal(2, _seating.Width);
        Assert.Equal([2], _crew.Moves);
        Assert.Contains(nameof(LookForRest), _timers.Names);
    }

    [Fact]
    public void Should_take_it_back_when_no_more_is_received_and_wait_before_it_is_tried_again()
    {
        Spread(before: 100, after: 101);

        Assert.Equal(1, _seating.Width);
        Assert.Equal([2, 1], _crew.Moves);
        Assert.DoesNotContain(nameof(LookForRest), _timers.Names);
        _follower.OnMoved();
        AssertLooksAgainAfter(seconds: 10);
    }

    [Theory]
    [InlineData(0.5, 3)]
    [InlineData(1, 0.3)]
    public void Should_stay_as_it_is_with_time_left_or_without_idle_cores_and_pause_before_it_looks_again(double busy, double idleCores)
    {
        _follower.OnBacklog();
        Look(packets: 100, busy, idleCores);

        Assert.Empty(_crew.Moves);
        _follower.OnBacklog();
        Assert.False(_timers.Take(nameof(LookAtLoad)));
        _crew.Pass(seconds: 1);
        _follower.OnBacklog();
        Assert.True(_timers.Take(nameof(LookAtLoad)));
    }

    [Fact]
    public void Should_gather_at_rest_and_have_forgotten_by_then_what_did_not_pay_before()
    {
        Spread(before: 100, after: 150);
        Spread(before: 150, after: 151);
        _follower.OnMoved();
        Assert.Equal(2, _seating.Width);

        _crew.Pass(seconds: 5);
        _follower.OnLookForRest();

        Assert.Equal(1, _seating.Width);
        _follower.OnMoved();
        _follower.OnBacklog();
        Assert.True(_timers.Take(nameof(LookAtLoad)));
    }

    [Theory]
    [InlineData(0.3, 3, 100, 0.7, 1)] // one has the time for what two do
    [InlineData(0.3, 3, 100, 0.9, 2)] // it has not, as is seen then
    [InlineData(0.3, 3, 80, 0.7, 2)]
    [InlineData(0.6, 3, null, 0, 2)] // that is seen before
    [InlineData(0.9, 0.2, 100, 0.9, 1)] // the cores are something else's as well
    public void Should_narrow_when_fewer_threads_do_as_well(double busy, double idleCores, int? packets, double busyAfter, int width)
    {
        Spread(before: 50, after: 100);
        for (int n = 0; n < 2; n++)
        {
            _crew.Work(seconds: 5);
            _follower.OnLookForRest();
        }

        Look(packets: 100, busy, idleCores);
        Assert.Equal(packets is null ? 2 : 1, _seating.Width);
        if (packets is not null)
        {
            _follower.OnMoved();
            Look(packets.Value, busyAfter, idleCores);
        }

        Assert.Equal(width, _seating.Width);
    }

    [Fact]
    public void Should_draw_no_conclusions_when_a_thread_is_replaced_during_a_trial()
    {
        _follower.OnBacklog();
        Look(packets: 100, busy: 1, idleCores: 2);
        _follower.OnMoved();
        _crew.Receiver = new object();
        Look(packets: 1_000, busy: 1, idleCores: 2);

        AssertTakesItBackAndLooksAgainAfter(seconds: 1);
    }

    [Fact]
    public void Should_draw_no_conclusions_when_a_thread_ends_during_a_trial()
    {
        _crew.OthersRan = _ => null;
        Spread(before: 100, after: 150);

        AssertTakesItBackAndLooksAgainAfter(seconds: 1);
    }

    [Fact]
    public void Should_draw_conclusions_although_a_thread_has_yet_to_run()
    {
        _crew.OthersRan = _ => TimeSpan.Zero;
        Spread(before: 100, after: 101);

        AssertTakesItBackAndLooksAgainAfter(seconds: 10);
    }

    [Fact]
    public void Should_try_again_sooner_while_packets_wait_in_a_socket_and_less_often_each_time()
    {
        _crew.IsAnyBehind = true;
        foreach (int seconds in new[] { 2, 4, 8, 12, 12 })
        {
            Spread(before: 100, after: 101);
            Assert.Equal(1, _seating.Width);
            _follower.OnMoved();
            AssertLooksAgainAfter(seconds);
        }
    }

    [Fact]
    public void Should_stay_spread_when_no_packets_wait_any_longer()
    {
        _crew.IsAnyBehind = true;
        _follower.OnBacklog();
        Look(packets: 100, busy: 1, idleCores: 2);
        _follower.OnMoved();
        _crew.IsAnyBehind = false;
        Look(packets: 101, busy: 1, idleCores: 2);

        Assert.Equal(2, _seating.Width);
    }

    [Fact]
    public void Should_go_on_when_the_kernel_says_nothing_for_a_while()
    {
        _follower.OnBacklog();
        Look(packets: 100, busy: 1, idleCores: 2);
        _crew.IsBlind = true;
        _follower.OnMoved();

        Assert.Equal([2, 1], _crew.Moves);
        _follower.OnMoved();
        _follower.OnBacklog();
        Assert.False(_timers.Take(nameof(LookAtLoad)));
        _crew.IsBlind = false;
        _crew.Pass(seconds: 1);
        _follower.OnBacklog();
        Assert.True(_timers.Take(nameof(LookAtLoad)));
    }

    [Fact]
    public void Should_seat_all_again_when_a_carrier_was_replaced_while_they_moved_and_only_then_look_on()
    {
        _follower.OnBacklog();
        Look(packets: 100, busy: 1, idleCores: 2);
        _follower.OnCarrierReplaced();
        Assert.Equal([2], _crew.Moves);

        _follower.OnMoved();
        Assert.Equal([2, 2], _crew.Moves);
        Assert.False(_timers.Take(nameof(LookAtLoad)));
        _follower.OnMoved();
        Assert.True(_timers.Take(nameof(LookAtLoad)));
    }

    public void Dispose()
    {
        foreach (TunnelThread thread in _tunnels)
            thread.Dispose();
        _socket.Dispose();
    }

    // Full batches, a look that sees no end of work, the move, and the trial.
    private void Spread(int before, int after)
    {
        _follower.OnBacklog();
        Look(before, busy: 1, idleCores: 2);
        _follower.OnMoved();
        Look(after, busy: 1, idleCores: 2);
    }

    private void AssertTakesItBackAndLooksAgainAfter(int seconds)
    {
        Assert.Equal([2, 1], _crew.Moves);
        _follower.OnMoved();
        AssertLooksAgainAfter(seconds);
    }

    private void AssertLooksAgainAfter(int seconds)
    {
        _crew.Pass(seconds - 1);
        _follower.OnBacklog();
        Assert.False(_timers.Take(nameof(LookAtLoad)));
        _crew.Pass(seconds: 1);
        _follower.OnBacklog();
        Assert.Contains(nameof(LookAtLoad), _timers.Names);
    }

    // What is there to be seen since the last look.
    private void Look(int packets, double busy, double idleCores)
    {
        Assert.True(_timers.Take(nameof(LookAtLoad)));
        _crew.Load(packets, busy, idleCores);
        _follower.OnLookAtLoad();
    }
}
