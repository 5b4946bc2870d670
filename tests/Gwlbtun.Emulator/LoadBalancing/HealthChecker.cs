using System.Net;
using System.Net.Sockets;

namespace Gwlbtun.Emulator.LoadBalancing;

/// <summary>
/// Checks each target at its interval, and takes it out of service and back. A new target is out of service until its first check
/// has succeeded, as AWS registers it.
/// </summary>
internal sealed class HealthChecker : IAsyncDisposable
{
    private readonly HealthCheckOptions _options;
    private readonly IPAddress _local;
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    public HealthChecker(HealthCheckOptions options, IPAddress local, IReadOnlyList<Target> targets)
    {
        _options = options;
        _local = local;
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.Zero,
            ConnectCallback = async (context, stop) => new NetworkStream(await ConnectAsync((IPEndPoint)EndPointOf(context.DnsEndPoint), stop), ownsSocket: true),
        });
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("ELB-HealthChecker/2.0");
        foreach (Target target in targets)
            target.IsHealthy = false;
        _running = Task.WhenAll(targets.Select(target => Task.Run(() => WatchAsync(target))));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task WatchAsync(Target target)
    {
        bool isFirst = true;
        int run = 0; // consecutive results that contradict the target's state
        using PeriodicTimer timer = new(_options.Interval);
        try
        {
            do
            {
                bool passed = await PassesAsync(target);
                run = passed == target.IsHealthy ? 0 : run + 1;
                if (run >= (target.IsHealthy ? _options.UnhealthyThreshold : _options.HealthyThreshold) || (isFirst && passed))
                    (target.IsHealthy, run, isFirst) = (passed, 0, false);
            }
            while (await timer.WaitForNextTickAsync(_stop.Token));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
    }

    private async Task<bool> PassesAsync(Target target)
    {
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        timeout.CancelAfter(_options.Timeout);
        try
        {
            if (!_options.IsHttp)
            {
                using Socket socket = await ConnectAsync(new IPEndPoint(target.Address, _options.Port), timeout.Token);
                return true;
            }

            Uri uri = new($"http://{target.Address}:{_options.Port}{_options.Path}");
            using HttpResponseMessage response = await _http.GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, timeout.Token);
            return (int)response.StatusCode is >= 200 and <= 399;
        }
        catch (Exception e) when (e is SocketException or HttpRequestException or IOException || (e is OperationCanceledException && !_stop.IsCancellationRequested))
        {
            return false;
        }
    }

    private async Task<Socket> ConnectAsync(IPEndPoint endPoint, CancellationToken stop)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(_local, 0));
            await socket.ConnectAsync(endPoint, stop);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static IPEndPoint EndPointOf(DnsEndPoint endPoint) => new(IPAddress.Parse(endPoint.Host), endPoint.Port);
}
