using System.Net.Sockets;
using Gwlbtun.Actors.Configuration;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Gwlbtun.Actors.Health;

/// <summary>
/// The health endpoint: plain HTTP on all addresses, IPv4 and IPv6, whatever the path and the method. 200 when the
/// handler is healthy, else 503, with the report as the body.
/// </summary>
/// <remarks>
/// Kestrel is used bare, without a web host: there is one answer, so there is nothing to route, and the process starts sooner.
/// The port is open to whoever can reach the target, so every resource that a client can hold is bounded.
/// </remarks>
public sealed class HealthServer : IAsyncDisposable
{
    private static readonly TimeSpan _stopPatience = TimeSpan.FromSeconds(1);

    private readonly HealthSettings _settings;
    private readonly HealthAnswers _answers;
    private readonly KestrelServer _server;

    /// <summary>Prepares the endpoint; <see cref="StartAsync"/> opens it.</summary>
    public HealthServer(IHealthSource source, HealthSettings settings, ILoggerFactory logging, TimeProvider? time = null)
    {
        _settings = settings;
        _answers = new HealthAnswers(source, settings, time ?? TimeProvider.System);
        _server = new KestrelServer(
            Options.Create(KestrelOptions(settings.Port)),
            new SocketTransportFactory(Options.Create(new SocketTransportOptions { Backlog = 128 }), logging),
            logging);
    }

    /// <summary>The port listened on; meaningful after <see cref="StartAsync"/>.</summary>
    public int Port => new Uri(_server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First()).Port;

    /// <summary>Opens the port.</summary>
    /// <exception cref="HealthPortException">It cannot be opened: the message says why and what to do.</exception>
    public async Task StartAsync(CancellationToken cancellation = default)
    {
        try
        {
            await _server.StartAsync(new HealthApplication(_answers, _settings), cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw HealthPortException.From(_settings.Port, e);
        }
    }

    /// <summary>Answers 503 from now on, while traffic still flows, so that the load balancer moves flows to other targets.</summary>
    public void BeginShutdown() => _answers.BeginShutdown();

    /// <summary>Closes the port and what is open on it; requests that are being answered get a second to finish.</summary>
    public async Task StopAsync()
    {
        using var patience = new CancellationTokenSource(_stopPatience);
        await _server.StopAsync(patience.Token).ConfigureAwait(false);
    }

    /// <summary>Closes the port at once.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _server.Dispose();
    }

    private static KestrelServerOptions KestrelOptions(ushort port)
    {
        var options = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };

        // A health checker sends a request line and a few headers; reports can be long, requests need not be.
        options.Limits.MaxRequestLineSize = 4 * 1024;
        options.Limits.MaxRequestHeadersTotalSize = 8 * 1024;
        options.Limits.MaxRequestHeaderCount = 50;
        options.Limits.MaxRequestBufferSize = 16 * 1024;
        options.Limits.MaxRequestBodySize = 64 * 1024;
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(15);

        // Listens on [::] for both families, and on 0.0.0.0 where the kernel has no IPv6.
        options.ListenAnyIP(port, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            var limit = new ConnectionLimit();
            listen.Use(next => connection => limit.RunAsync(connection, next));
        });
        return options;
    }
}
