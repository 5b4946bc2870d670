using System.Text.Json;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Native.Wire;
using Gwlbtun.Shared;

namespace Gwlbtun.Comparison.Network;

/// <summary>
/// How many UDP packets of one size have come out of the first endpoint's gwi. The device counts a super-packet as one, and a queueing discipline as none when it
/// comes from a program; but the bytes tell, for the segments of one share their headers.
/// </summary>
internal static class ArrivalCounter
{
    private const int Headers = Ipv4Format.MinimumLength + UdpFormat.HeaderLength;

    /// <param name="networkNamespace">The appliance's.</param>
    /// <param name="bytes">Of each packet, its IPv4 header included.</param>
    /// <returns>0 also when the device is not there yet.</returns>
    public static long Read(string networkNamespace, int bytes)
    {
        (int exitCode, string output, _) = Command.Try("ip", "-n", networkNamespace, "-s", "-j", "link", "show", "dev", EniName.IngressDevice(LoadBalancerOptions.DefaultEndpoint));
        return exitCode == 0 ? Parse(output, bytes) : 0;
    }

    internal static long Parse(string json, int bytes)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement received = document.RootElement[0].GetProperty("stats64").GetProperty("rx");
        return (received.GetProperty("bytes").GetInt64() - (Headers * received.GetProperty("packets").GetInt64())) / (bytes - Headers);
    }
}
