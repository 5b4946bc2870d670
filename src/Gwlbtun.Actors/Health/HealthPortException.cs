using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Gwlbtun.Actors.Health;

/// <summary>The health port cannot be opened. The message is meant for the operator.</summary>
public sealed class HealthPortException : Exception
{
    private HealthPortException(string message, Exception cause)
        : base(message, cause)
    {
    }

    /// <summary>Says what the failure to bind means.</summary>
    internal static HealthPortException From(ushort port, Exception cause)
    {
        var error = cause as SocketException ?? cause.InnerException as SocketException ?? cause.InnerException?.InnerException as SocketException;
        var reason = (cause, error?.SocketErrorCode) switch
        {
            ({ InnerException: AddressInUseException }, _) or (AddressInUseException, _) or (_, SocketError.AddressAlreadyInUse) =>
                $"another process listens on it. 'ss -ltnp sport = :{port}' names it; health.port (-p) chooses another port.",
            (_, SocketError.AccessDenied) =>
                "permission denied. Ports below 1024 need CAP_NET_BIND_SERVICE; health.port (-p) chooses another port.",
            _ => $"{(error ?? cause).Message}.",
        };
        return new HealthPortException($"Cannot open TCP port {port} for health checks: {reason}", cause);
    }
}
