using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Programs;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>iperf3 between two namespaces. Amounts rather than times are sent: a machine that stalls has them sent later.</summary>
internal static class Iperf
{
    /// <summary>Sends over TCP; returns how many bytes the server has received when the client ends, with some perhaps still on their way.</summary>
    public static async Task<long> SendTcpAsync(NetworkNamespace client, NetworkNamespace server, string address, string amount) =>
        (await RunAsync(client, server, address, "sum_received", "-n", amount)).GetProperty("bytes").GetInt64();

    /// <summary>Sends 2 MB over UDP, fewer packets than any queue on their way holds; returns how many were lost.</summary>
    public static async Task<int> SendUdpAsync(NetworkNamespace client, NetworkNamespace server, string address, string rate) =>
        (await RunAsync(client, server, address, "sum", "-n", "2M", "-u", "-b", rate, "-l", "1400")).GetProperty("lost_packets").GetInt32();

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
