using Gwlbtun.Native.Linux;
using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tunnels;

internal static partial class TunnelLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "ENI {Eni}: first packet seen")]
    public static partial void EniFirstSeen(this ILogger logger, string eni);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: tunnel {Devices} created")]
    public static partial void TunnelCreated(this ILogger logger, string eni, string devices);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: tunnel {Devices} destroyed: {Reason}")]
    public static partial void TunnelDestroyed(this ILogger logger, string eni, string devices, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: tunnel failed: {Reason}. Rebuilding in {Milliseconds} ms (failure {Failure}; parked after {MaxTries} within {Seconds} s)")]
    public static partial void TunnelFailed(this ILogger logger, string eni, string reason, long milliseconds, int failure, int maxTries, double seconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "ENI {Eni}: parked, its packets are dropped until the handler is restarted: {Reason}")]
    public static partial void EniParked(this ILogger logger, string eni, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "ENI {Eni}: parked, its packets are dropped for {Seconds} s, then it is tried anew: {Reason}")]
    public static partial void EniParkedFor(this ILogger logger, string eni, double seconds, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: tried anew after it was parked")]
    public static partial void EniUnparked(this ILogger logger, string eni);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: no memory for all the flows of flows.reserve = {Reservation}; its table grows as flows come")]
    public static partial void FlowsNotReserved(this ILogger logger, string eni, string reservation);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: network namespace {Name} cannot be removed: {Error}. Remove it with ip netns del {Name}.")]
    public static partial void NamespaceNotRemoved(this ILogger logger, string eni, string name, LinuxError error);

    [LoggerMessage(Level = LogLevel.Error, Message = "ENI {Eni}: defect in the handler")]
    public static partial void EniDefect(this ILogger logger, Exception defect, string eni);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Thread} died; another starts in {Milliseconds} ms")]
    public static partial void ThreadDied(this ILogger logger, Exception cause, string thread, long milliseconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} of the threads carry the receive sockets now")]
    public static partial void ReceiversSpread(this ILogger logger, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thread} runs again")]
    public static partial void ThreadReplaced(this ILogger logger, string thread);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Thread} cannot be started again: {Error} Next try in {Milliseconds} ms")]
    public static partial void ThreadNotReplaced(this ILogger logger, string thread, string error, long milliseconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "No raw socket: packets return through UDP sockets bound to the flows' source ports, at most 1024 a thread")]
    public static partial void UsesBoundSockets(this ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Routes and neighbours of the uplink cannot be followed: {Error}. Packets are sent one by one through the raw socket and netfilter's OUTPUT chain, at a higher cost, until a restart (tunnel.offload.send).")]
    public static partial void UplinkNotFollowed(this ILogger logger, LinuxError error);
}
