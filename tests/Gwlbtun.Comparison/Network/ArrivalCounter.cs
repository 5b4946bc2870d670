using System.Text.Json;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;

namespace Gwlbtun.Comparison.Network;

/// <summary>How many packets have come out of the first endpoint's gwi, by the queueing discipline that count-arrivals.sh puts there.</summary>
internal static class ArrivalCounter
{
    /// <returns>0 also when the device or the discipline is not there yet.</returns>
    public static long Read(string networkNamespace)
    {
        (int exitCode, string output, _) = Command.Try("tc", "-n", networkNamespace, "-s", "-j", "qdisc", "show", "dev", EniName.IngressDevice(LoadBalancerOptions.DefaultEndpoint), "ingress");
        return exitCode == 0 ? Parse(output) : 0;
    }

    internal static long Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json.Length == 0 ? "[]" : json);
        return document.RootElement.EnumerateArray()
            .Where(discipline => discipline.GetProperty("kind").GetString() == "ingress")
            .Sum(discipline => discipline.GetProperty("packets").GetInt64());
    }
}
