using System.Net;
using Gwlbtun.Actors.Receiving;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Xunit;

namespace Gwlbtun.Actors.Tests.Receiving;

/// <summary>Which tunnel thread carries which receive thread.</summary>
public sealed class SeatingSpecs : IDisposable
{
    private static readonly DataPlaneOptions _four = new() { ReceiveThreads = ThreadPlan.Unpinned(4), TunnelThreads = ThreadPlan.Unpinned(4) };

    private readonly Quiescence _quiescence = new();
    private readonly Gwlbtun.Actors.Gateway.DataPlaneRelay _observer = new(Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
    private readonly UdpSocket _socket = UdpSocket.Open(new IPEndPoint(IPAddress.Loopback, 0), 1 << 16);
    private readonly List<IDisposable> _owned = [];

    [Fact]
    public void Should_gather_all_on_the_first_and_spread_twice_as_wide_each_time()
    {
        var (receivers, tunnels) = Threads(_four);
        var seating = new Seating(tunnels, receivers.Count, isGathering: true);

        Assert.Equal([0, 0, 0, 0], Seats(seating, receivers));
        Assert.False(seating.CanGather);
        seating.Spread();
        Assert.Equal([0, 1, 0, 1], Seats(seating, receivers));
        seating.Spread();
        Assert.Equal([0, 1, 2, 3], Seats(seating, receivers));
        Assert.False(seating.CanSpread);
        Assert.True(seating.CanGather);
        seating.Narrow();
        Assert.Equal([0, 1, 0, 1], Seats(seating, receivers));
        seating.TakeBack();
        Assert.Equal([0, 1, 2, 3], Seats(seating, receivers));
        seating.Gather();
        Assert.Equal([0, 0, 0, 0], Seats(seating, receivers));
    }

    [Fact]
    public void Should_not_spread_wider_than_there_are_receive_threads()
    {
        var (receivers, tunnels) = Threads(_four with { ReceiveThreads = ThreadPlan.Unpinned(2) });
        var seating = new Seating(tunnels, receivers.Count, isGathering: true);

        seating.Spread();
        Assert.Equal(2, seating.Width);
        Assert.False(seating.CanSpread);
    }

    [Theory]
    [InlineData(0.4, 0.85, false, true)]
    [InlineData(7, 0.99, false, true)]
    [InlineData(0.4, 0.1, true, true)]
    [InlineData(0.4, 0.84, false, false)]
    [InlineData(0.39, 0.99, true, false)]
    public void Should_need_more_cores_when_there_is_no_end_of_work_and_some_are_idle(double idleCores, double busiest, bool isBehind, bool expected) =>
        Assert.Equal(expected, Seating.NeedsMoreCores(new Load(idleCores, [0, busiest, 0.2], 0), isBehind));

    [Theory]
    [InlineData(3, 0.4, false, true)] // two have time for what four do
    [InlineData(3, 0.4, true, false)]
    [InlineData(3, 0.43, false, false)]
    [InlineData(0.3, 0.9, false, true)] // they take the cores from something else, or it from them
    [InlineData(0.3, 0.9, true, false)]
    public void Should_try_fewer_when_those_would_have_time_or_all_want_for_cores(double idleCores, double busy, bool isBehind, bool expected)
    {
        var (receivers, tunnels) = Threads(_four);
        var seating = new Seating(tunnels, receivers.Count, isGathering: true);
        seating.Spread();
        seating.Spread();

        Assert.Equal(expected, seating.MayDoWithFewer(new Load(idleCores, [busy, busy, busy, busy], 0), isBehind));
    }

    [Fact]
    public void Should_leave_each_with_its_own_number_when_they_are_not_to_gather()
    {
        var (receivers, tunnels) = Threads(_four);
        var seating = new Seating(tunnels, receivers.Count, isGathering: false);

        Assert.Equal([0, 1, 2, 3], Seats(seating, receivers));
        Assert.False(seating.CanSpread);
        Assert.False(seating.CanGather);
    }

    [Fact]
    public void Should_leave_pinned_threads_on_their_cores()
    {
        var (receivers, tunnels) = Threads(_four with { ReceiveThreads = new ThreadPlan([0, 1, 0, null]), TunnelThreads = new ThreadPlan([0, 1, 1, null]) });

        Assert.Equal([0, 1, -1, 3], Seats(new Seating(tunnels, receivers.Count, isGathering: true), receivers));
    }

    [Fact]
    public void Should_let_receive_threads_run_by_themselves_that_have_no_tunnel_thread_or_are_not_to_be_fused()
    {
        var (receivers, tunnels) = Threads(_four with { TunnelThreads = ThreadPlan.Unpinned(2) });
        Assert.Equal([0, 1, -1, -1], Seats(new Seating(tunnels, receivers.Count, isGathering: false), receivers));
        Assert.Equal([-1, -1, -1, -1], Seats(new Seating([], 1, isGathering: true), receivers));

        (receivers, tunnels) = Threads(_four with { FuseThreads = false });
        Assert.Equal([-1, -1, -1, -1], Seats(new Seating(tunnels, receivers.Count, isGathering: true), receivers));
    }

    public void Dispose()
    {
        _owned.ForEach(thread => thread.Dispose());
        _socket.Dispose();
    }

    private static IEnumerable<int> Seats(Seating seating, IReadOnlyList<ReceiveThread> receivers) =>
        receivers.Select(receiver => seating.CarrierOf(receiver)?.Index ?? -1);

    private (IReadOnlyList<ReceiveThread> Receivers, IReadOnlyList<TunnelThread> Tunnels) Threads(DataPlaneOptions options)
    {
        var registry = new EniRegistry(options, _observer);
        ReceiveThread[] receivers = [.. Enumerable.Range(0, options.ReceiveThreads.Count).Select(i => new ReceiveThread(i, options, _socket, registry, _quiescence, _observer))];
        TunnelThread[] tunnels = [.. Enumerable.Range(0, options.TunnelThreads.Count).Select(i => new TunnelThread(i, options, ReturnPath.Open(_socket, null, joins: true), _quiescence, _observer))];
        _owned.AddRange(receivers);
        _owned.AddRange(tunnels);
        return (receivers, tunnels);
    }
}
