using System.Net;
using System.Net.Sockets;
using System.Text;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Health;
using Gwlbtun.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gwlbtun.Actors.Tests.Health;

public sealed class HealthServerSpecs : IAsyncLifetime
{
    // The server closes those after 15 s, and what is shown here must not be that.
    private static readonly TimeSpan _beforeIdleConnectionsAreClosed = TimeSpan.FromSeconds(10);

    private static readonly HttpClient _client = new();

    private readonly ScriptedSource _source = new();
    private HealthServer? _server;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    public async Task Should_answer_with_the_report_on_both_families(string host)
    {
        var port = await StartAsync();

        using var response = await _client.GetAsync(new Uri($"http://{host}:{port}/"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("max-age=0, no-cache", response.Headers.NonValidated["Cache-Control"].ToString());
        Assert.Equal("text/html", response.Content.Headers.ContentType?.ToString());
        Assert.Equal(TextReport.Render(SampleReports.Healthy), await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Should_answer_with_json_when_asked_to()
    {
        var port = await StartAsync(HealthFormat.Json);

        using var response = await _client.GetAsync(Local(port));

        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        Assert.Equal(JsonReport.Render(SampleReports.Healthy).ToArray(), await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("GET", "/any/path?and=query")]
    [InlineData("POST", "/")]
    [InlineData("OPTIONS", "/")]
    [InlineData("DELETE", "/%2e%2e/etc/passwd")]
    [InlineData("BREW", "/coffee")]
    public async Task Should_answer_whatever_the_method_and_the_path(string method, string path)
    {
        var port = await StartAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), Local(port, path));
        if (method == "POST")
            request.Content = new StringContent(new string('x', 10_000));

        using var response = await _client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(TextReport.Render(SampleReports.Healthy), await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Should_answer_HEAD_with_the_length_of_the_report_and_no_body()
    {
        var port = await StartAsync();

        var answer = await SendRawAsync(port, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
        Assert.Contains($"Content-Length: {TextReport.Render(SampleReports.Healthy).Length}\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_answer_HTTP_1_0_without_a_host_as_simple_checkers_send_it()
    {
        var port = await StartAsync();

        var answer = await SendRawAsync(port, "GET / HTTP/1.0\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("</body></html>", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_refuse_CONNECT_because_there_is_no_tunnel_to_open()
    {
        var port = await StartAsync();

        var answer = await SendRawAsync(port, "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 405 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_deliver_a_long_report_whole()
    {
        _source.Report = SampleReports.Healthy with { Enis = [.. Enumerable.Repeat(SampleReports.EniWithReturnTraffic(), 300)] };
        var port = await StartAsync(HealthFormat.Json);

        var body = await _client.GetByteArrayAsync(Local(port));

        Assert.Equal(JsonReport.Render(_source.Report).ToArray(), body);
    }

    [Theory]
    [InlineData(true, HttpStatusCode.OK)]
    [InlineData(false, HttpStatusCode.ServiceUnavailable)]
    public async Task Should_answer_with_the_status_code_alone_when_told_so(bool healthy, HttpStatusCode expected)
    {
        _source.Report = healthy ? SampleReports.Healthy : SampleReports.Failing;
        var port = await StartAsync(HealthFormat.Json, statusOnly: true);

        using var response = await _client.GetAsync(Local(port));

        Assert.Equal(expected, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        Assert.Equal(0, response.Content.Headers.ContentLength);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Should_answer_503_with_the_report_when_the_handler_is_unhealthy()
    {
        _source.Report = SampleReports.Failing;
        var port = await StartAsync();

        using var response = await _client.GetAsync(Local(port));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal(TextReport.Render(SampleReports.Failing), await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Should_answer_503_when_shutdown_has_begun()
    {
        var port = await StartAsync();
        using var before = await _client.GetAsync(Local(port));

        _server!.BeginShutdown();
        using var after = await _client.GetAsync(Local(port));

        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, after.StatusCode);
        Assert.Contains("The handler is shutting down.", await after.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_answer_503_when_the_actors_do_not_answer()
    {
        _source.Hold();
        var port = await StartAsync();

        using var response = await _client.GetAsync(Local(port)).WaitAsync(Wait.Patience);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("did not report its state", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\u0016\u0003\u0001\u0002\0\u0001")]
    [InlineData("GARBAGE\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nContent-Length: -5\r\nHost: x\r\n\r\n")]
    [InlineData("GET / HTTP/9.9\r\n\r\n")]
    [InlineData("\0\0\0\0\0\0\0\0\r\n\r\n")]
    public async Task Should_end_the_connection_and_serve_others_when_it_gets_garbage(string garbage)
    {
        var port = await StartAsync();

        var answer = await SendRawAsync(port, garbage);

        Assert.DoesNotContain("200 OK", answer, StringComparison.Ordinal);
        using var response = await _client.GetAsync(Local(port));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("GET /{0} HTTP/1.1\r\nHost: x\r\n\r\n", "414")]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\nX: {0}\r\n\r\n", "431")]
    public async Task Should_refuse_a_request_when_it_is_oversized(string request, string status)
    {
        var port = await StartAsync();

        var answer = await SendRawAsync(port, request.Replace("{0}", new string('a', 9 * 1024), StringComparison.Ordinal));

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_refuse_connections_beyond_the_limit_of_one_address_until_some_close()
    {
        var port = await StartAsync();
        var held = new List<Socket>();
        try
        {
            for (var i = 0; i < ConnectionLimit.DefaultPerAddress; i++)
                held.Add(await ConnectAsync(port));

            // Which of them all is the one too many is for the server's threads to settle.
            Task<int>[] ends = [.. held.ToArray().Select(ReceiveOrResetAsync), ConnectAndReceiveOrResetAsync(port, held)];
            Assert.Equal(0, await await Task.WhenAny(ends));
            Assert.StartsWith("HTTP/1.1 200 ", await SendRawAsync(port, "GET / HTTP/1.0\r\n\r\n", "127.0.0.2"), StringComparison.Ordinal);
        }
        finally
        {
            held.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public async Task Should_say_what_to_do_when_the_port_is_taken()
    {
        using var other = new TcpListener(IPAddress.Any, 0);
        other.Start();
        var port = (ushort)((IPEndPoint)other.LocalEndpoint).Port;
        _server = Server(new HealthSettings(port, HealthFormat.Text, false));

        var failure = await Assert.ThrowsAsync<HealthPortException>(() => _server.StartAsync());

        Assert.StartsWith($"Cannot open TCP port {port} for health checks: another process listens on it.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Should_close_the_port_when_it_stops()
    {
        var port = await StartAsync();
        using var idle = await ConnectAsync(port);

        await _server!.StopAsync();

        await Assert.ThrowsAnyAsync<SocketException>(() => ConnectAsync(port));
    }

    private async Task<int> StartAsync(HealthFormat format = HealthFormat.Text, bool statusOnly = false)
    {
        _server = Server(new HealthSettings(0, format, statusOnly));
        await _server.StartAsync();
        return _server.Port;
    }

    private HealthServer Server(HealthSettings settings) => new(_source, settings, NullLoggerFactory.Instance);

    private static Uri Local(int port, string path = "/") => new($"http://127.0.0.1:{port}{path}");

    private static async Task<Socket> ConnectAsync(int port, string from = "127.0.0.1")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    /// <summary>Sends the text and returns all that comes back until the server closes the connection.</summary>
    private static async Task<string> SendRawAsync(int port, string text, string from = "127.0.0.1")
    {
        using var socket = await ConnectAsync(port, from);
        await socket.SendAsync(Encoding.Latin1.GetBytes(text));
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        using var patience = new CancellationTokenSource(_beforeIdleConnectionsAreClosed);
        while (true)
        {
            var length = await socket.ReceiveAsync(buffer, patience.Token);
            if (length == 0)
                return answer.ToString();
            answer.Append(Encoding.Latin1.GetString(buffer, 0, length));
        }
    }

    /// <summary>A connection that is refused may be reset before its client has noticed that it was made.</summary>
    private static async Task<int> ConnectAndReceiveOrResetAsync(int port, List<Socket> held)
    {
        try
        {
            var socket = await ConnectAsync(port);
            held.Add(socket);
            return await ReceiveOrResetAsync(socket);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }

    private static async Task<int> ReceiveOrResetAsync(Socket socket)
    {
        using var patience = new CancellationTokenSource(_beforeIdleConnectionsAreClosed);
        try
        {
            return await socket.ReceiveAsync(new byte[1], patience.Token);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }
}
