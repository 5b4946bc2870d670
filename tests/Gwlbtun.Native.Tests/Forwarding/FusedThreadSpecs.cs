using System.Globalization;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Native.Tests.Forwarding;

/// <summary>A receive thread that rides on the tunnel thread of its number.</summary>
public sealed class FusedThreadSpecs
{
    private const ulong Eni = 0x1234;
    private const int Packets = 50;
    private const int MoreThanAQueueHolds = 12_000;

    [Fact]
    public void Should_ride_on_the_tunnel_thread_of_its_number() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);

        lab.Exchange(Eni, Packets);

        Assert.Same(lab.Pool.Threads[0], lab.Receivers[0].Carrier);
        Assert.True(lab.Receivers[0].IsAlive);
        Assert.NotEqual(lab.Pool.Threads[0].ThreadId, lab.Receivers[0].ThreadId);
    });

    [Fact]
    public void Should_run_by_itself_when_that_is_wanted() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { FuseThreads = false });
        _ = lab.Establish(Eni);

        lab.Exchange(Eni, Packets);

        Assert.Null(lab.Receivers[0].Carrier);
    });

    [Theory]
    [InlineData(0)]
    [InlineData(-10)]
    [InlineData(7)]
    public void Should_come_before_others_as_wanted(int nice) => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { Nice = nice });
        _ = lab.Establish(Eni);

        Assert.Equal(nice, NiceOf(lab.Pool.Threads[0]));
    });

    [Fact]
    public void Should_run_by_itself_when_the_two_are_to_run_on_different_cores() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { ReceiveThreads = new ThreadPlan([0]), TunnelThreads = new ThreadPlan([1]) });
        _ = lab.Establish(Eni);

        lab.Exchange(Eni, Packets);

        Assert.Null(lab.Receivers[0].Carrier);
    });

    [Fact]
    public void Should_go_on_by_itself_when_the_tunnel_thread_dies_and_lose_nothing() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);

        FailCarrier(lab);

        lab.Exchange(Eni, Packets);
        Assert.Empty(lab.Deaths);
        Assert.True(lab.Receivers[0].IsAlive);
        Assert.Null(lab.Receivers[0].Carrier);
    });

    [Fact]
    public void Should_lose_nothing_and_keep_the_order_while_it_boards_again_and_again() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        int sent = 0, returned = 0;
        for (var round = 0; round < 10; round++)
        {
            FailCarrier(lab);
            var boarding = lab.Receivers[0].BoardAsync(lab.Pool.Threads[round % 2], lab.Pool.Threads[0]);
            while (!boarding.IsCompleted || returned < sent)
            {
                if (!boarding.IsCompleted && sent - returned < 512)
                    lab.Send([.. Enumerable.Range(0, 32).Select(_ => ForwardingLab.Datagram(Eni, 1, sequence: sent++))]);
                lab.ReceiveSequences(sequence => Assert.Equal(returned++, sequence));
            }

            Assert.True(boarding.GetAwaiter().GetResult());
            Assert.Same(lab.Pool.Threads[round % 2], lab.Receivers[0].Carrier);
            lab.Exchange(Eni, Packets);
        }
    });

    [Fact]
    public void Should_stop_although_it_is_boarding() => NetworkNamespace.Run(() =>
    {
        for (var i = 0; i < 50; i++)
        {
            using var lab = new ForwardingLab();
            FailCarrier(lab);
            var boarding = lab.Receivers[0].BoardAsync(lab.Pool.Threads[0], lab.Pool.Threads[0]);
            lab.Receivers[0].RequestStop();
            Assert.True(lab.Receivers[0].Completion.Wait(Wait.Patience));
            _ = boarding.GetAwaiter().GetResult();
        }
    });

    [Fact]
    public void Should_not_board_when_it_has_ended() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        lab.Receivers[0].RequestStop();
        Assert.True(lab.Receivers[0].Completion.Wait(Wait.Patience));

        Assert.False(lab.Receivers[0].BoardAsync(lab.Pool.Threads[0], lab.Pool.Threads[0]).GetAwaiter().GetResult());
        Assert.Null(lab.Receivers[0].Carrier);
    });

    [Fact]
    public void Should_die_alone_and_leave_room_for_another() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        var dead = lab.Receivers[0];
        dead.Fail(new InvalidOperationException("A defect."));
        Assert.True(lab.Deaths.TryTake(out var death, Wait.Patience));
        Assert.Same(dead, death.Thread);
        dead.Dispose();
        lab.Receivers[0] = lab.StartReceiver(0);

        lab.Exchange(Eni, Packets);

        Assert.Same(lab.Pool.Threads[0], lab.Receivers[0].Carrier);
        Assert.True(lab.Pool.Threads[0].IsAlive);
        Assert.Empty(lab.Deaths);
    });

    [Fact]
    public void Should_deliver_what_has_arrived_before_it_stops() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        lab.StopReceivers();
        lab.Send([.. Enumerable.Range(0, MoreThanAQueueHolds).Select(i => ForwardingLab.Datagram(Eni, 1, sequence: i))]);
        lab.Receivers.Add(lab.StartReceiver(0));
        lab.Receivers[0].RequestStop();

        Assert.True(lab.Receivers[0].Completion.Wait(Wait.Patience));
        Assert.Equal(Enumerable.Range(0, MoreThanAQueueHolds), lab.ReceiveReturned(MoreThanAQueueHolds).Select(ForwardingLab.SequenceOf));
        Assert.True(lab.Pool.Threads[0].IsAlive);
    });

    /// <summary>Of large datagrams it takes fewer at once.</summary>
    [Fact]
    public void Should_take_all_that_has_arrived_before_it_stops_however_large() => NetworkNamespace.Run(() =>
    {
        const int count = 900;
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        lab.StopReceivers();
        var large = ForwardingLab.Datagram(Eni, 1, size: 60_000);
        for (var i = 0; i < count; i++)
            lab.Send(large);
        lab.Receivers.Add(lab.StartReceiver(0));
        lab.Receivers[0].RequestStop();

        Assert.True(lab.Receivers[0].Completion.Wait(Wait.Patience));
        Assert.Equal((ulong)count, lab.Receivers[0].Counters.Packets);
    });

    [Fact]
    public void Should_come_before_others_only_while_packets_are_few() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { Nice = -7 });
        _ = lab.Establish(Eni);
        byte[][] many = [.. Enumerable.Repeat(ForwardingLab.Datagram(Eni, 1), 2_000)];
        Assert.Equal(-7, NiceOf(lab.Pool.Threads[0]));

        Assert.True(SpinWait.SpinUntil(() =>
        {
            lab.Send(many);
            return NiceOf(lab.Pool.Threads[0]) == 0;
        }, Wait.Patience));
        Assert.True(SpinWait.SpinUntil(() =>
        {
            lab.Send(many[0]);
            return NiceOf(lab.Pool.Threads[0]) == -7;
        }, Wait.Patience));
    });

    [Fact]
    public void Should_lose_nothing_and_keep_the_order_while_it_moves_from_one_tunnel_thread_to_another() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        _ = lab.Establish(Eni);
        var receiver = lab.Receivers[0];
        var moves = 0;
        var stop = false;
        var mover = Task.Run(async () =>
        {
            for (; !Volatile.Read(ref stop); moves++)
                Assert.True(await receiver.MoveAsync(lab.Pool.Threads[(moves + 1) % 2]));
        });

        int sent = 0, returned = 0;
        while (moves < 100 || returned < sent)
        {
            Assert.False(mover.IsFaulted, mover.Exception?.ToString());
            if (moves < 100 && sent - returned < 512)
                lab.Send([.. Enumerable.Range(0, 32).Select(_ => ForwardingLab.Datagram(Eni, 1, sequence: sent++))]);
            lab.ReceiveSequences(sequence => Assert.Equal(returned++, sequence));
        }

        Volatile.Write(ref stop, true);
        mover.GetAwaiter().GetResult();
    });

    [Fact]
    public void Should_stop_although_it_is_moving() => NetworkNamespace.Run(() =>
    {
        for (var i = 0; i < 50; i++)
        {
            using var lab = new ForwardingLab();
            var moving = lab.Receivers[0].MoveAsync(lab.Pool.Threads[1]);
            lab.Receivers[0].RequestStop();
            Assert.True(lab.Receivers[0].Completion.Wait(Wait.Patience));
            _ = moving.GetAwaiter().GetResult();
        }
    });

    [Fact]
    public void Should_die_although_it_is_moving() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab();
        lab.Receivers[0].Fail(new InvalidOperationException("A defect."));
        _ = lab.Receivers[0].MoveAsync(lab.Pool.Threads[1]).GetAwaiter().GetResult();
        Assert.True(lab.Deaths.TryTake(out var death, Wait.Patience));
        Assert.Same(lab.Receivers[0], death.Thread);
        Assert.All(lab.Pool.Threads, thread => Assert.True(thread.IsAlive));
    });

    [Theory]
    [InlineData(1, 64)]
    [InlineData(4, 64)]
    [InlineData(2, 1024)]
    public void Should_return_all_of_a_backlog_that_no_queue_holds(int receivers, int batch) => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { ReceiveThreads = ThreadPlan.Unpinned(receivers), ReceiveBatch = batch }, isGathered: true);
        _ = lab.Establish(Eni);
        // All wait in the socket until there is somebody to take them.
        lab.StopReceivers();
        lab.Send([.. Enumerable.Range(0, MoreThanAQueueHolds).Select(i => ForwardingLab.Datagram(Eni, 1, sequence: i))]);
        for (var i = 0; i < receivers; i++)
            lab.Receivers.Add(lab.StartReceiver(i));

        Assert.Equal(MoreThanAQueueHolds, lab.ReceiveReturned(MoreThanAQueueHolds).Count);
        Assert.Equal(0ul, lab.Drops()[(int)DropReason.TunQueueOverflow]);
    });

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Should_return_all_of_a_backlog_of_several_endpoints(int receivers) => NetworkNamespace.Run(() =>
    {
        const int Endpoints = 3;
        // Each batch leaves more in each queue than one turn takes, and few batches more than a queue holds.
        using var lab = new ForwardingLab(
            ForwardingLab.Defaults with { ReceiveThreads = ThreadPlan.Unpinned(receivers), ReceiveBatch = 64, Budget = 8, QueueLength = 80 }, isGathered: true);
        for (ulong n = 0; n < Endpoints; n++)
            _ = lab.Establish(Eni + n);
        lab.StopReceivers();
        lab.Send([.. Enumerable.Range(0, MoreThanAQueueHolds).Select(i => ForwardingLab.Datagram(Eni + ((ulong)i % Endpoints), 1, sequence: i))]);
        for (var i = 0; i < receivers; i++)
            lab.Receivers.Add(lab.StartReceiver(i));

        Assert.Equal(MoreThanAQueueHolds, lab.ReceiveReturned(MoreThanAQueueHolds).Count);
        Assert.Equal(0ul, lab.Drops()[(int)DropReason.TunQueueOverflow]);
    });

    [Fact]
    public void Should_carry_several() => NetworkNamespace.Run(() =>
    {
        using var lab = new ForwardingLab(ForwardingLab.Defaults with { ReceiveThreads = ThreadPlan.Unpinned(3) }, isGathered: true);
        _ = lab.Establish(Eni);

        lab.Exchange(Eni, Packets);

        Assert.All(lab.Receivers, receiver => Assert.Same(lab.Pool.Threads[0], receiver.Carrier));
    });

    private static void FailCarrier(ForwardingLab lab)
    {
        var dead = (TunnelThread)lab.Receivers[0].Carrier!;
        dead.Fail(new InvalidOperationException("A defect."));
        Assert.True(lab.Deaths.TryTake(out _, Wait.Patience));
        lab.Pool.Replace(dead);
        dead.Dispose();
    }

    // The 19th field, counted behind the name, which may have blanks (proc(5)).
    private static int NiceOf(DataThread thread) =>
        int.Parse(File.ReadAllText($"/proc/self/task/{thread.ThreadId}/stat").Split(')')[^1].Split(' ')[17], CultureInfo.InvariantCulture);
}
