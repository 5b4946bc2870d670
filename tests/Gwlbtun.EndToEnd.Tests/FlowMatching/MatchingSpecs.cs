using System.Net;
using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Lab;
using Gwlbtun.EndToEnd.Tests.LoadBalancer;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.FlowMatching;

/// <summary>What the tests of flow matching have in common: packets put into gwo by hand, and counters.</summary>
public abstract class MatchingSpecs(ITestOutputHelper output) : ApplianceSpecs(output)
{
    private DeviceSocket? _gwo;

    /// <summary>A second node of the load balancer, for tests that add it.</summary>
    internal static IPAddress OtherNode { get; } = IPAddress.Parse("10.77.0.3");

    /// <summary>The egress device, once the endpoint has been met.</summary>
    internal DeviceSocket Egress => _gwo ??= new DeviceSocket(Lab.Appliance, Gwo);

    /// <summary>A hook that does nothing: what is delivered ends in the appliance, which neither routes nor answers.</summary>
    internal static string Sink => "/bin/true";

    public override Task DisposeAsync()
    {
        _gwo?.Dispose();
        return base.DisposeAsync();
    }

    /// <summary>Starts gwlbtun with this hook, these settings, and a report in JSON.</summary>
    internal async Task<GwlbtunProcess> StartWithAsync(string hook, string settings = "", params string[] arguments)
    {
        var config = Path.Combine(Folder, "gwlbtun.conf");
        await File.WriteAllTextAsync(config, settings);
        return await StartAsync(["--config", config, "-j", "-c", hook, "-r", hook, .. arguments]);
    }

    /// <summary>Starts gwlbtun on an appliance that is itself the flows' server.</summary>
    internal Task StartLocalServiceAsync(bool v6)
    {
        Lab.Serve(new GwlbFlow(Eni, 0, v6).Server);
        return StartWithAsync(Artifacts.ExampleScript("create-local.sh"));
    }

    /// <summary>Starts gwlbtun on an appliance that hides the clients from the flows' server, which it returns.</summary>
    internal async Task<NetworkNamespace> StartNatAsync(bool v6)
    {
        var server = Lab.AddServerBehindLeg(v6);
        Variables["HOOK_UPLINK"] = "leg";
        await StartWithAsync(Artifacts.ExampleScript("create-nat.sh"));
        return server;
    }

    /// <summary>Sends a packet of a flow to an appliance that hands it straight back, and asserts that it comes back with its own header.</summary>
    internal async Task EchoAsync(GwlbFlow flow, byte[] packet)
    {
        Gwlb.Send(flow, packet);
        await AssertReturnedAsync(flow, packet);
    }

    /// <summary>Sends packets of flows and waits until they are delivered: what they teach is learned by then.</summary>
    internal async Task LearnAsync(params (GwlbFlow Flow, byte[] Packet)[] packets)
    {
        var before = Lab.Delivered;
        foreach (var (flow, packet) in packets)
            Gwlb.Send(flow, packet);
        await Lab.WaitForDeliveredAsync(before + packets.Length);
    }

    /// <summary>Puts a packet into the egress device and asserts that it returns with this flow's header.</summary>
    internal Task ReturnAsync(GwlbFlow flow, byte[] packet) => ReturnAsync(flow, packet, Egress);

    /// <inheritdoc cref="ReturnAsync(GwlbFlow, byte[])"/>
    internal Task ReturnAsync(GwlbFlow flow, byte[] packet, DeviceSocket egress)
    {
        egress.Send(packet);
        return AssertReturnedAsync(flow, packet);
    }

    internal async Task AssertReturnedAsync(GwlbFlow flow, byte[] packet) => Assert.Null((await Gwlb.ReceiveAsync()).FaultAs(flow, packet));

    /// <summary>Asserts that nothing returned so far that the test has not taken yet.</summary>
    internal void AssertNothingReturned() => Assert.False(Gwlb.TryReceive(out var packet), $"returned: {Convert.ToHexString(packet?.Datagram ?? [])}");

    /// <summary>How many were counted under a reason, over all endpoints.</summary>
    internal static long Drops(JsonElement report, string reason) =>
        report.GetProperty("drops").TryGetProperty(reason, out var count) ? count.GetInt64() : 0;

    /// <summary>Waits until exactly so many were counted under a reason.</summary>
    internal static Task<JsonElement> WaitForDropsAsync(GwlbtunProcess gwlbtun, string reason, long count) =>
        gwlbtun.WaitForReportAsync(report => Drops(report, reason) == count);

    /// <summary>All flows in the report, of every endpoint, whose cache's name begins so: v4FlowCacheTcp, v6FlowCache and the like.</summary>
    internal static long FlowCount(JsonElement report, string cache = "v") =>
        FlowCaches(report, cache).Sum(found => found.GetProperty("size").GetInt64());

    /// <summary>The same for those that were idle for too long.</summary>
    internal static long TimedOut(JsonElement report, string cache = "v") =>
        FlowCaches(report, cache).Sum(found => found.GetProperty("timedOut").GetInt64());

    private static IEnumerable<JsonElement> FlowCaches(JsonElement report, string cache) => report.GetProperty("enis").EnumerateArray()
        .SelectMany(eni => eni.EnumerateObject())
        .Where(property => property.Name.StartsWith(cache, StringComparison.Ordinal) && property.Value.ValueKind == JsonValueKind.Object)
        .Select(property => property.Value);
}
