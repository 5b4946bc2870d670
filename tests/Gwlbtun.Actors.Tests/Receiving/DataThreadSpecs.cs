using Gwlbtun.Actors.Tests.Gateway;
using Gwlbtun.Native.Forwarding;
using Xunit;

namespace Gwlbtun.Actors.Tests.Receiving;

public sealed class DataThreadSpecs : GatewayKit
{
    private static readonly TimeSpan _firstBackoff = TimeSpan.FromMilliseconds(200);

    [Theory]
    [InlineData("gwlbtun U001", "Receive thread 1 has died.")]
    [InlineData("gwlbtun T001", "Tunnel thread 1 has died.")]
    public async Task Should_fail_health_and_start_another_thread_when_one_dies(string name, string problem)
    {
        await StartAsync();
        Send(5);
        await DeliveredAsync(5);
        var before = await ReportAsync();
        var thread = await ThreadAsync(name);

        thread.Fail(new InvalidOperationException("A defect."));

        await Log.Contains($"{name} died; another starts in 200 ms");
        var meanwhile = await ReportAsync();
        Assert.False(meanwhile.Healthy);
        Assert.Equal([problem], meanwhile.Problems);
        Advance(_firstBackoff);
        await Log.Contains($"{name} runs again");
        var after = await ReportAsync(report => report.Healthy);
        // What the dead one counted stays.
        Assert.Equal(before.Receivers.Select(receiver => receiver.Packets), after.Receivers.Select(receiver => receiver.Packets));
        Assert.NotSame(thread, await ThreadAsync(name));
        Send(5);
        await DeliveredAsync(10);
    }

    [Fact]
    public async Task Should_wait_longer_when_a_thread_dies_again()
    {
        await StartAsync();
        (await ThreadAsync("gwlbtun U000")).Fail(new InvalidOperationException("A defect."));
        await Log.Contains("gwlbtun U000 died");
        Advance(_firstBackoff);
        await Log.Contains("gwlbtun U000 runs again");

        (await ThreadAsync("gwlbtun U000")).Fail(new InvalidOperationException("The same defect."));

        await Log.Contains("gwlbtun U000 died; another starts in 400 ms");
    }

    [Fact]
    public async Task Should_have_the_receive_threads_ride_again_when_the_thread_that_carried_them_is_replaced()
    {
        await StartAsync();
        var carrier = await ThreadAsync("gwlbtun T000");
        Assert.All(Reports.Receivers.Threads, receiver => Assert.Same(carrier, receiver.Carrier));
        carrier.Fail(new InvalidOperationException("A defect."));
        await Log.Contains("gwlbtun T000 died");
        Assert.All(Reports.Receivers.Threads, receiver => Assert.Null(receiver.Carrier));

        Advance(_firstBackoff);
        await Log.Contains("gwlbtun T000 runs again");

        var another = await ThreadAsync("gwlbtun T000");
        await UntilAsync(() => Task.FromResult(Reports.Receivers.Threads.All(receiver => receiver.Carrier == another)));
        Send(5);
        await DeliveredAsync(5);
    }

    /// <summary>The thread of that name, when all are well.</summary>
    private async Task<DataThread> ThreadAsync(string name)
    {
        await ReportAsync(report => report.Healthy);
        return Reports.Receivers.Threads.Concat<DataThread>(Reports.TunnelThreads.Threads).Single(thread => thread.Name == name);
    }
}
