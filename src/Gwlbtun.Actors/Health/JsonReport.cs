using System.Buffers;
using System.Text.Json;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Health;

/// <summary>
/// The report for programs. It carries the keys of v3.0 of the C++ handler in their old shapes, oddities included, so
/// that parsers written for it go on working, those of v3.2 beside them, and our own. Keys are in alphabetical order, as there.
/// </summary>
public static class JsonReport
{
    private static readonly (string Key, string Family, string Protocol, string Name)[] _flowCaches =
    [
        ("v4FlowCacheOther", "v4", "Other", "IPv4 Other"),
        ("v4FlowCacheTcp", "v4", "Tcp", "IPv4 TCP"),
        ("v4FlowCacheUdp", "v4", "Udp", "IPv4 UDP"),
        ("v6FlowCacheOther", "v6", "Other", "IPv6 Other"),
        ("v6FlowCacheTcp", "v6", "Tcp", "IPv6 TCP"),
        ("v6FlowCacheUdp", "v6", "Udp", "IPv6 UDP"),
    ];

    /// <summary>Renders the whole document, compact, in UTF-8.</summary>
    public static ReadOnlyMemory<byte> Render(GatewayReport report)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        WriteDrops(json, report.Drops);
        WriteEnis(json, report);
        json.WriteBoolean("healthy", report.Healthy);
        WriteHooks(json, report.Hooks);
        WriteProblems(json, report.Problems);
        WriteProcess(json, report.Process);
        WriteSummary(json, report);
        WriteReceivers(json, report);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    private static void WriteEnis(Utf8JsonWriter json, GatewayReport report)
    {
        json.WriteStartArray("enis");
        foreach (var eni in report.Enis)
            WriteEni(json, eni, eni.AgeSeconds ?? report.Process.UptimeSeconds);
        json.WriteEndArray();
    }

    private static void WriteEni(Utf8JsonWriter json, EniReport eni, double age)
    {
        json.WriteStartObject();
        json.WriteNumber("bytesOut", eni.In.BytesOut);
        WriteDrops(json, eni.Drops);
        json.WriteString("eniStr", EniName.Hex17(eni.EniId));
        WriteMatching(json, "flowTable", eni.FlowTable);
        WriteMatching(json, "fragments", eni.Fragments);
        json.WriteString("gwlbEndpointId", EniName.VpceId(eni.EniId));
        json.WriteBoolean("healthy", eni.Healthy);
        if (eni.Netns is not null)
            json.WriteString("netns", eni.Netns);
        json.WriteNumber("pktsDropped", eni.PacketsDropped);
        json.WriteNumber("pktsOut", eni.In.PacketsOut);
        if (eni.Problem is not null)
            json.WriteString("problem", eni.Problem);
        json.WriteNumber("restarts", eni.Restarts);
        WriteSeconds(json, "secsSinceLastPacket", eni.In.SecondsSinceLastPacket ?? age);
        json.WriteString("state", eni.State);
        WriteInterface(json, "tunnelIn", eni.In, age);
        if (eni.Out is not null)
            WriteInterface(json, "tunnelOut", eni.Out, age);
        WriteFlowCacheArray(json, "v4FlowCache", "v4", $"IPv4 Flow Cache for ENI {EniName.Hex17(eni.EniId)}", eni.FlowCaches);
        WriteFlowCacheObjects(json, "v4", eni);
        WriteFlowCacheArray(json, "v6FlowCache", "v6", $"IPv6 Flow Cache for ENI {EniName.Hex17(eni.EniId)}", eni.FlowCaches);
        WriteFlowCacheObjects(json, "v6", eni);
        json.WriteEndObject();
    }

    // "secsSincelastPacket" is the C++ handler's spelling here, in v3.0 and v3.2 alike.
    private static void WriteInterface(Utf8JsonWriter json, string key, InterfaceReport device, double age)
    {
        json.WriteStartObject(key);
        json.WriteNumber("bytesOut", device.BytesOut);
        json.WriteString("devname", device.Name);
        json.WriteNumber("pktsOut", device.PacketsOut);
        WriteSeconds(json, "secsSincelastPacket", device.SecondsSinceLastPacket ?? age);
        WriteThreads(json, device.Threads, "secsSincelastPacket", age);
        json.WriteEndObject();
    }

    private static void WriteReceivers(Utf8JsonWriter json, GatewayReport report)
    {
        json.WriteStartObject("udp");
        json.WriteStartObject("UDPPacketReceiver");
        json.WriteNumber("portNumber", report.Port);
        WriteThreads(json, report.Receivers, "secsSinceLastPacket", report.Process.UptimeSeconds);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteThreads(Utf8JsonWriter json, IReadOnlyList<ThreadReport> threads, string secondsKey, double age)
    {
        json.WriteStartArray("threads");
        foreach (var thread in threads)
        {
            json.WriteStartObject();
            json.WriteNumber("bytesIn", thread.Bytes);
            json.WriteBoolean("healthy", thread.Healthy);
            json.WriteNumber("pktsIn", thread.Packets);
            WriteSeconds(json, secondsKey, thread.SecondsSinceLastPacket ?? age);
            json.WriteNumber("threadId", thread.ThreadId);
            json.WriteNumber("threadNumber", thread.Number);
            json.WriteBoolean("valid", true);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    // v3.0 meant an object and wrote an array of two-element arrays, with the last pair left flat.
    private static void WriteFlowCacheArray(
        Utf8JsonWriter json, string key, string family, string name, IReadOnlyList<FlowCacheReport> caches)
    {
        if (FlowCacheSum.Of(caches, family) is not { } sum)
            return;
        json.WriteStartArray(key);
        json.WriteStartArray();
        json.WriteStringValue("cacheName");
        json.WriteStringValue(name);
        json.WriteEndArray();
        WritePair("size", sum.Size);
        WritePair("timedOut", sum.TimedOut);
        json.WriteStringValue("idleTimeoutSecs");
        json.WriteNumberValue(sum.IdleTimeoutSeconds);
        json.WriteEndArray();

        void WritePair(string name, long value)
        {
            json.WriteStartArray();
            json.WriteStringValue(name);
            json.WriteNumberValue(value);
            json.WriteEndArray();
        }
    }

    private static void WriteFlowCacheObjects(Utf8JsonWriter json, string family, EniReport eni)
    {
        foreach (var entry in _flowCaches)
        {
            if (entry.Family != family ||
                eni.FlowCaches.FirstOrDefault(c => c.Family == family && c.Protocol == entry.Protocol) is not { } cache)
                continue;
            json.WriteStartObject(entry.Key);
            json.WriteString("cacheName", $"{entry.Name} Flow Cache for GWLBe {EniName.VpceId(eni.EniId)}");
            json.WriteNumber("idleTimeoutSecs", cache.IdleTimeoutSeconds);
            json.WriteNumber("size", cache.Size);
            json.WriteNumber("timedOut", cache.TimedOut);
            json.WriteEndObject();
        }
    }

    private static void WriteMatching(Utf8JsonWriter json, string key, MatchingReport? table)
    {
        if (table is null)
            return;
        json.WriteStartObject(key);
        json.WriteNumber("evicted", table.Evicted);
        json.WriteNumber("memoryBytes", table.MemoryBytes);
        json.WriteNumber("size", table.Size);
        json.WriteEndObject();
    }

    private static void WriteSummary(Utf8JsonWriter json, GatewayReport report)
    {
        json.WriteStartObject("summary");
        json.WriteNumber("eniCount", report.Enis.Count);
        json.WriteNumber("totalBytesIn", Sum(report.Receivers, thread => thread.Bytes));
        json.WriteNumber("totalBytesOut", Sum(report.Enis, eni => eni.In.BytesOut));
        json.WriteNumber("totalPktsDropped", DropCounts.Lost(report.Drops));
        json.WriteNumber("totalPktsIn", Sum(report.Receivers, thread => thread.Packets));
        json.WriteNumber("totalPktsOut", Sum(report.Enis, eni => eni.In.PacketsOut));
        json.WriteEndObject();
    }

    private static void WriteDrops(Utf8JsonWriter json, IReadOnlyDictionary<DropReason, ulong> drops)
    {
        json.WriteStartObject("drops");
        foreach (var (name, count) in drops.Where(drop => drop.Value > 0).Select(drop => (DropCounts.Name(drop.Key), drop.Value)).Order())
            json.WriteNumber(name, count);
        json.WriteEndObject();
    }

    private static void WriteHooks(Utf8JsonWriter json, HookReport hooks)
    {
        json.WriteStartObject("hooks");
        json.WriteNumber("failed", hooks.Failed);
        json.WriteNumber("run", hooks.Run);
        json.WriteNumber("timedOut", hooks.TimedOut);
        json.WriteEndObject();
    }

    private static void WriteProblems(Utf8JsonWriter json, IReadOnlyList<string> problems)
    {
        json.WriteStartArray("problems");
        foreach (var problem in problems)
            json.WriteStringValue(problem);
        json.WriteEndArray();
    }

    private static void WriteProcess(Utf8JsonWriter json, ProcessReport process)
    {
        json.WriteStartObject("process");
        json.WriteNumber("processId", process.ProcessId);
        json.WriteNumber("residentBytes", process.ResidentBytes);
        WriteSeconds(json, "uptimeSecs", process.UptimeSeconds);
        json.WriteString("version", process.Version);
        json.WriteEndObject();
    }

    // Always with three decimals: stores that guess a field's type from its first value must not take it for an integer.
    private static void WriteSeconds(Utf8JsonWriter json, string key, double seconds) =>
        json.WriteNumber(key, (long)Math.Round(seconds * 1000) * 0.001m);

    private static ulong Sum<T>(IReadOnlyList<T> items, Func<T, ulong> count)
    {
        ulong sum = 0;
        foreach (var item in items)
            sum += count(item);
        return sum;
    }
}
