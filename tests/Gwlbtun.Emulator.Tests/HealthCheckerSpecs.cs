using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gwlbtun.Emulator.LoadBalancing;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.Emulator.Tests;

public class HealthCheckerSpecs
{
    private readonly Target _target = new(IPAddress.Loopback);

    [Fact]
    public async Task Should_take_a_target_out_of_service_and_back_over_TCP()
    {
        TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        await using HealthChecker checker = new(Options(port), IPAddress.Loopback, [_target]);
        Await(healthy: true);

        listener.Stop();
        Await(healthy: false);

        using TcpListener again = new(IPAddress.Loopback, port);
        again.Start();
        Await(healthy: true);
    }

    [Theory]
    [InlineData(200, true)]
    [InlineData(399, true)]
    [InlineData(503, false)]
    public async Task Should_go_by_the_status_over_HTTP(int status, bool expected)
    {
        using TcpListener server = new(IPAddress.Loopback, 0);
        server.Start();
        ConcurrentQueue<string> requests = [];
        Task serving = Serve(server, () => status, requests);
        await using (HealthChecker checker = new(Options(((IPEndPoint)server.LocalEndpoint).Port) with { IsHttp = true, Path = "/check" }, IPAddress.Loopback, [_target]))
        {
            Assert.True(SpinWait.SpinUntil(() => requests.Count >= 4, Wait.Patience));
            Await(expected);
        }

        server.Stop();
        await serving;
        Assert.All(requests, request => Assert.StartsWith("GET /check HTTP/1.1", request, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Should_need_as_many_failures_in_a_row_as_the_threshold_says()
    {
        using TcpListener server = new(IPAddress.Loopback, 0);
        server.Start();
        ConcurrentQueue<string> requests = [];
        List<bool> states = [];
        // Healthy, then two failures and a success over and over: three in a row never come.
        Task serving = Serve(server, () =>
        {
            states.Add(_target.IsHealthy);
            return states.Count > 1 && states.Count % 3 != 0 ? 500 : 200;
        }, requests);
        await using (HealthChecker checker = new(Options(((IPEndPoint)server.LocalEndpoint).Port) with { IsHttp = true }, IPAddress.Loopback, [_target]))
            Assert.True(SpinWait.SpinUntil(() => requests.Count >= 15, Wait.Patience));
        server.Stop();
        await serving;
        Assert.False(states[0]); // not yet checked
        Assert.All(states.Skip(1), Assert.True);
    }

    /// <remarks>No check may run into its timeout on a machine that stalls: that would be one failure more than the server gave.</remarks>
    private static HealthCheckOptions Options(int port) => new(port) { Interval = TimeSpan.FromMilliseconds(20), Timeout = Wait.Patience, UnhealthyThreshold = 3, HealthyThreshold = 2 };

    private void Await(bool healthy) => Assert.True(SpinWait.SpinUntil(() => _target.IsHealthy == healthy, Wait.Patience));

    private static async Task Serve(TcpListener server, Func<int> status, ConcurrentQueue<string> requests)
    {
        byte[] buffer = new byte[1_000];
        while (true)
        {
            try
            {
                using TcpClient client = await server.AcceptTcpClientAsync();
                int length = await client.GetStream().ReadAsync(buffer);
                byte[] answer = Encoding.ASCII.GetBytes($"HTTP/1.1 {status()} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                if (length > 0)
                    requests.Enqueue(Encoding.ASCII.GetString(buffer, 0, length));
                await client.GetStream().WriteAsync(answer);
            }
            catch (IOException)
            {
                // the checker was stopped while it asked
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
