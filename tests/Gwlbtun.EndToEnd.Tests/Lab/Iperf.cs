using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Programs;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>iperf3 between two namespaces. Amounts rather than times are sent: a machine that stalls has them sent later.</summary>
internal static class Iperf
{
    /// <summary>Sends over TCP; returns how many bytes the server has received when the client ends, with some perhaps still on their way.</summary>
    public static async Task<long> SendTcpAsync(NetworkNamespace client, NetworkNamespace server, string address, string amount) =>
        (await RunAsync(client, server, address, "sum_received", "-n", amount)).GetProperty("bytes").GetInt64();

    /// <summary>
    /// Sends 2 MB over UDP, fewer packets than the devices' queues hold; returns how many were lost, but for those that the server's own socket had no
    /// room for, as a server that is not let run loses them there.
    /// </summary>
    public static async Task<long> SendUdpAsync(NetworkNamespace client, NetworkNamespace server, string address, string rate)
    {
        var before = RefusedBySockets(server);
        var lost = (await RunAsync(client, server, address, "sum", "-n", "2M", "-u", "-b", rate, "-l", "1400")).GetProperty("lost_packets").GetInt64();
        return lost - (RefusedBySockets(server) - before);
    }

    private static long RefusedBySockets(NetworkNamespace network)
    {
        var lines = network.Execute("cat", "/proc/net/snmp", "/proc/net/snmp6").Split('\n');
        string[][] udp = [.. lines.Where(line => line.StartsWith("Udp: ", StringComparison.Ordinal)).Select(line => line.Split(' '))]; // names, then numbers
        var udp6 = lines.Single(line => line.StartsWith("Udp6RcvbufErrors", StringComparison.Ordinal));
        return long.Parse(udp[1][Array.IndexOf(udp[0], "RcvbufErrors")]) + long.Parse(udp6.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]);
    }

    private static async Task<JsonElement> RunAsync(NetworkNamespace client, NetworkNamespace server, string address, string sum, params string[] arguments)
    {
        // A server for this run alone: one that has not yet done with another refuses. Bound, because a UDP server that is not answers from whichever
        // address the route has.
        await using var program = RunningProgram.Start(["ip", "netns", "exec", server.Name, "iperf3", "-s", "-1", "--forceflush", "-B", address]);
        await program.WaitForLineAsync("listening");
        var report = client.Execute(["iperf3", "-J", "-c", address, .. arguments]);
        return JsonDocument.Parse(report).RootElement.GetProperty("end").TryGetProperty(sum, out var found)
            ? found
            : throw new InvalidOperationException($"iperf3 has no {sum}: {report}");
    }
}
