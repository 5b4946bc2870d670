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
            _client.Execute("ping", "-q", "-c", "5", "-i", "0.05", "-W", "60", "-s", "8400", "-M", "do", address);
            await _web.FetchAsync(_client, address);
            Assert.True(await Iperf.SendTcpAsync(_client, _server, address, "20M") > 10_000_000);
            Assert.Equal(0, await Iperf.SendUdpAsync(_client, _server, address, "20M"));
        }
    }

    /// <summary>Stops the web server, and leaves its log with the test.</summary>
    public Task DisposeAsync(ITestOutputHelper output) => _web.Program.DisposeAsync(output);
}
