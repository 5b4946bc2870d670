using System.Text.Json;
using Gwlbtun.EndToEnd.Tests.Programs;
using Xunit;
using Xunit.Abstractions;

namespace Gwlbtun.EndToEnd.Tests.Lab;

/// <summary>What real programs do through gwlbtun: ping, curl and iperf3 of a client, with a web server on the other side.</summary>
internal sealed class RealTraffic
{
    private readonly NetworkNamespace _client;
    private readonly NetworkNamespace _server;
    private readonly WebServer _web;

    private RealTraffic(NetworkNamespace client, NetworkNamespace server, WebServer web)
    {
        _client = client;
        _server = server;
        _web = web;
    }

    /// <summary>Starts the web server; what it serves and what is fetched is kept in the folder.</summary>
    public static async Task<RealTraffic> StartAsync(NetworkNamespace client, NetworkNamespace server, string folder) =>
        new(client, server, await WebServer.StartAsync(server, folder));

    /// <summary>Sends all of it to these addresses of the server, and asserts that everything arrives.</summary>
    public async Task CarryAsync(IEnumerable<string> addresses)
    {
        foreach (var address in addresses)
        {
            _client.Execute("ping", "-q", "-c", "5", "-i", "0.05", "-W", "5", "-s", "8400", "-M", "do", address);
            await _web.FetchAsync(_client, address);
            Assert.True((await IperfAsync(address, "sum_received")).GetProperty("bytes").GetInt64() > 1_000_000);
            Assert.Equal(0, (await IperfAsync(address, "sum", "-u", "-b", "20M", "-l", "1400")).GetProperty("lost_packets").GetInt32());
        }
    }

    /// <summary>Stops the web server, and leaves its log with the test.</summary>
    public Task DisposeAsync(ITestOutputHelper output) => _web.Program.DisposeAsync(output);

    private async Task<JsonElement> IperfAsync(string address, string sum, params string[] arguments)
    {
        // A server for this run alone: one that has not yet done with another refuses. Bound, because a UDP server that is not answers from whichever
        // address the route has.
        await using var server = RunningProgram.Start(["ip", "netns", "exec", _server.Name, "iperf3", "-s", "-1", "--forceflush", "-B", address]);
        await server.WaitForLineAsync("listening");
        var report = _client.Execute(["iperf3", "-J", "-c", address, "-t", "1", .. arguments]);
        return JsonDocument.Parse(report).RootElement.GetProperty("end").TryGetProperty(sum, out var found)
            ? found
            : throw new InvalidOperationException($"iperf3 has no {sum}: {report}");
    }
}
