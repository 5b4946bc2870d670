using System.Net;
using System.Net.Sockets;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Health;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gwlbtun.Actors.Tests.Health;

/// <summary>A class of its own, because it waits for a real time-out while the others run.</summary>
public class SlowClientSpecs
{
    [Fact]
    public async Task Should_end_the_connection_when_a_request_does_not_get_finished()
    {
        await using var server = new HealthServer(new ScriptedSource(), new HealthSettings(0, HealthFormat.Text, false), NullLoggerFactory.Instance);
        await server.StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Port);
        await client.GetStream().WriteAsync("GET / HTTP/1.1\r\nHost: "u8.ToArray());

        // Kestrel's own limit is 30 s.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var reader = new StreamReader(client.GetStream());
        var answer = await reader.ReadToEndAsync(patience.Token);

        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
    }
}
