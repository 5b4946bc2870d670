using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using Gwlbtun.Actors.Stats;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Health;

/// <summary>
/// The report for people: an HTML page whose lines are those of the C++ handler, so that scripts that read them go on
/// working. What that handler did not have stands after them, and only when there is something to say.
/// </summary>
public static class TextReport
{
    /// <summary>Renders the whole page.</summary>
    public static string Render(GatewayReport report)
    {
        var page = new StringBuilder(4096);
        page.Append("<!DOCTYPE html>\n<html lang=\"en-us\">\n<head><title>Health check</title></head><body>");
        AppendReceivers(page, report);
        foreach (var eni in report.Enis)
            AppendEni(page, eni, report.Process.UptimeSeconds);
        AppendRemarks(page, report);
        return page.Append("\n</body></html>").ToString();
    }

    private static void AppendReceivers(StringBuilder page, GatewayReport report)
    {
        Line(page, $"UDP receiver threads for port number {report.Port}:");
        foreach (var thread in report.Receivers)
        {
            Line(page, $"UDP receiver thread {thread.Number} (ID {thread.ThreadId}): {Health(thread)}, {thread.Packets} packets in, {thread.Bytes} bytes in, {Duration(thread.SecondsSinceLastPacket ?? report.Process.UptimeSeconds)} since last packet.");
        }

        page.Append('\n');
    }

    private static void AppendEni(StringBuilder page, EniReport eni, double uptimeSeconds)
    {
        var name = EniName.Hex17(eni.EniId);
        var age = eni.AgeSeconds ?? uptimeSeconds;
        Line(page, $"Handler for ENI {name}");
        AppendInterface(page, eni.In, age);
        if (eni.Out is not null)
            AppendInterface(page, eni.Out, age);
        AppendFlowCache(page, eni.FlowCaches, "v4", $"IPv4 Flow Cache for ENI {name}");
        AppendFlowCache(page, eni.FlowCaches, "v6", $"IPv6 Flow Cache for ENI {name}");
    }

    private static void AppendInterface(StringBuilder page, InterfaceReport device, double age)
    {
        Line(page, $"Interface {device.Name}:");
        Line(page, $"{device.PacketsOut} packets out to OS, {device.BytesOut} bytes out to OS, {Duration(device.SecondsSinceLastPacket ?? age)} since last packet.");
        foreach (var thread in device.Threads)
        {
            Line(page, $"Tunnel handler thread {thread.Number} (ID {thread.ThreadId}): {Health(thread)}, {thread.Packets} packets in from OS, {thread.Bytes} bytes in from OS, {Duration(thread.SecondsSinceLastPacket ?? age)} since last packet.");
        }

        page.Append('\n');
    }

    private static void AppendFlowCache(StringBuilder page, IReadOnlyList<FlowCacheReport> caches, string family, string name)
    {
        if (FlowCacheSum.Of(caches, family) is { } sum)
            Line(page, $"{name} : Contains {sum.Size} elements, of which {sum.TimedOut} were just timed out (idle timeout is {sum.IdleTimeoutSeconds} seconds).");
    }

    private static void AppendRemarks(StringBuilder page, GatewayReport report)
    {
        var start = page.Length;
        foreach (var problem in report.Problems)
            Line(page, $"Problem: {HtmlEncoder.Default.Encode(problem)}");

        foreach (var (reason, count) in report.Drops.Where(drop => drop.Value > 0).OrderBy(drop => drop.Key))
            Line(page, $"Dropped: {count} packets, {DropCounts.Name(reason)}");

        foreach (var eni in report.Enis)
            AppendMatching(page, eni);

        if (report.Hooks is { Failed: > 0 } or { TimedOut: > 0 })
            Line(page, $"Hooks: {report.Hooks.Run} run, {report.Hooks.Failed} failed, {report.Hooks.TimedOut} timed out");

        if (page.Length > start)
            page.Insert(start, '\n');
    }

    private static void AppendMatching(StringBuilder page, EniReport eni)
    {
        if (eni is not { FlowTable: { } flows, Fragments: { } fragments } || (flows.Evicted, fragments.Evicted, fragments.Size) == (0, 0, 0))
            return;
        var name = EniName.Hex17(eni.EniId);
        Line(page, $"Flow table of ENI {name}: {flows.Size} flows, {flows.Evicted} gave way to others, {flows.MemoryBytes} bytes of memory");
        Line(page, $"Fragments of ENI {name}: {fragments.Size} packets remembered, {fragments.Evicted} gave way to others, {fragments.MemoryBytes} bytes of memory");
    }

    /// <summary>
    /// A duration as the C++ handler wrote it: <c>1d 3h2m1.000s</c>, a unit standing only when there is strictly more than one of it.
    /// </summary>
    internal static string Duration(double seconds)
    {
        var text = new StringBuilder();
        var milliseconds = (long)Math.Round(seconds * 1000);
        Unit(86_400_000, "d ");
        Unit(3_600_000, "h");
        Unit(60_000, "m");
        return text.Append(CultureInfo.InvariantCulture, $"{milliseconds / 1000}.{milliseconds % 1000:000}s").ToString();

        void Unit(long length, string suffix)
        {
            if (milliseconds <= length)
                return;
            text.Append(CultureInfo.InvariantCulture, $"{milliseconds / length}{suffix}");
            milliseconds %= length;
        }
    }

    private static string Health(ThreadReport thread) => thread.Healthy ? "Healthy" : "NOT healthy";

    private static void Line(StringBuilder page, string line) => page.Append(line).Append('\n');
}
