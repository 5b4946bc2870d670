using System.Net;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.Programs;
using Gwlbtun.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Fleet;

/// <summary>One of a fleet: an appliance, and the gwlbtun that runs there at present.</summary>
internal sealed class FleetHandler(NetworkNamespace network, IPAddress address, IReadOnlyDictionary<string, string> variables)
{
    private static readonly string _hook = Artifacts.ExampleScript("create-route.sh");

    private static readonly TimeSpan _askAgain = TimeSpan.FromMilliseconds(20);

    private readonly List<GwlbtunProcess> _started = [];

    public IPAddress Address => address;

    public GwlbtunProcess Current => _started[^1];

    /// <summary>Starts a gwlbtun, the first one or one in place of that which has ended.</summary>
    public Task StartAsync()
    {
        _started.Add(GwlbtunProcess.Launch(network, ["-c", _hook, "-r", _hook], variables));
        return Current.WaitUntilReadyAsync();
    }

    /// <summary>Waits until the hook has run, and what waited for that is delivered.</summary>
    public Task WaitUntilForwardingAsync() => Current.Program.WaitForLineAsync("tunnel gwi-.* created");

    /// <summary>Waits until it has delivered so many more packets.</summary>
    public async Task WaitForDeliveredAsync(long more)
    {
        var goal = network.ReceivedPackets("gwi-") + more;
        for (var patience = Wait.Patience; network.ReceivedPackets("gwi-") < goal; patience -= _askAgain)
        {
            Assert.True(patience > TimeSpan.Zero, $"it has not delivered {more} packets:\n{Current.Program.Log}");
            await Task.Delay(_askAgain);
        }
    }

    /// <summary>Tells it to stop; returns when it fails its health checks.</summary>
    public async Task BeginDrainAsync()
    {
        Current.Program.Signal(Signals.Terminate);
        await Current.WaitForHealthAsync(HttpStatusCode.ServiceUnavailable);
    }

    /// <summary>Tells it to stop a second time, as there is nothing left to wait for, and asserts that it ends well.</summary>
    public Task CutDrainShortAsync() => Current.StopAsync();

    public async Task DisposeAsync(ITestOutputHelper output)
    {
        foreach (var gwlbtun in _started)
            await gwlbtun.Program.DisposeAsync(output);
    }
}
