using System.Globalization;
using Gwlbtun.Emulator.LoadBalancing;

namespace Gwlbtun.Emulator.Bridging;

/// <summary>What a bridge has carried, in words for people, and in JSON for programs.</summary>
internal sealed class BridgeReport(Bridge bridge, LoadBalancerOptions options, LoadBalancer loadBalancer)
{
    /// <summary>Why the traffic was not good; empty when it was.</summary>
    public IReadOnlyList<string> Objections()
    {
        List<string> objections = [.. loadBalancer.Judgements.Objections(options.Allowed)];
        if (bridge.SendErrors != 0)
            objections.Add(Text($"{bridge.SendErrors} packets could not be sent"));
        return objections;
    }

    public void WriteText(TextWriter output)
    {
        IEnumerable<KeyValuePair<string, long>> counters = Counters().Where(counter => counter.Value != 0);
        output.WriteLine(Text($"client {Line(bridge.Client)}; server {Line(bridge.Server)}; ") + string.Join(", ", counters.Select(counter => Text($"{counter.Key} {counter.Value}"))));
    }

    public void WriteVerdict(TextWriter output)
    {
        IReadOnlyList<string> objections = Objections();
        output.WriteLine(objections.Count == 0 ? "verdict: good" : "verdict: NOT GOOD: " + string.Join("; ", objections));
    }

    public object ToJson() => new
    {
        mode = "bridge",
        good = Objections().Count == 0,
        objections = Objections(),
        client = Json(bridge.Client),
        server = Json(bridge.Server),
        counters = Counters(),
    };

    private Dictionary<string, long> Counters() => new(loadBalancer.Metrics.Snapshot(loadBalancer.Judgements, loadBalancer.Targets))
    {
        ["IgnoredFromKernel"] = bridge.Ignored,
        ["SendErrors"] = bridge.SendErrors,
        ["EmulatorReceiveOverflow"] = bridge.ReceiveOverflows,
    };

    private static object Json(Side side) => new
    {
        device = side.Options.Device,
        packetsSent = side.PacketsSent,
        bytesSent = side.BytesSent,
        packetsDelivered = side.PacketsDelivered,
        bytesDelivered = side.BytesDelivered,
        deliveryErrors = side.DeliveryErrors,
    };

    private static string Line(Side side) => Text($"sent {side.PacketsSent} packets, {side.BytesSent} bytes, got {side.PacketsDelivered}, {side.BytesDelivered}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
