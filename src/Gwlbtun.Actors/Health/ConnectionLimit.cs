using System.Net;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Gwlbtun.Actors.Health;

/// <summary>
/// Bounds the connections that are open at a time, in all and from one address: a client that holds on to all it can
/// get must not keep the load balancer's health checkers out, or the target would be taken out of service.
/// </summary>
internal sealed class ConnectionLimit(int total = ConnectionLimit.DefaultTotal, int perAddress = ConnectionLimit.DefaultPerAddress)
{
    public const int DefaultTotal = 512;
    public const int DefaultPerAddress = 32;

    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, int> _open = [];
    private int _openTotal;

    /// <summary>Serves the connection, or ends it at once when there are too many.</summary>
    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var address = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        if (!TryEnter(address))
        {
            connection.Abort();
            return;
        }

        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            Leave(address);
        }
    }

    internal bool TryEnter(IPAddress address)
    {
        lock (_lock)
        {
            if (_openTotal >= total)
                return false;
            ref var open = ref CollectionsMarshal.GetValueRefOrAddDefault(_open, address, out _);
            if (open >= perAddress)
                return false;
            open++;
            _openTotal++;
            return true;
        }
    }

    internal void Leave(IPAddress address)
    {
        lock (_lock)
        {
            _openTotal--;
            if (--CollectionsMarshal.GetValueRefOrNullRef(_open, address) == 0)
                _open.Remove(address);
        }
    }
}
