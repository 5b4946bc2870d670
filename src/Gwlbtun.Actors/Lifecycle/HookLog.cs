using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Lifecycle;

internal static partial class HookLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "ENI {Eni}: {Action} hook started as process {ProcessId}")]
    public static partial void HookStarted(this ILogger logger, string eni, string action, int processId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: {Action} hook: {Line}")]
    public static partial void HookOutput(this ILogger logger, string eni, string action, string line);

    [LoggerMessage(Level = LogLevel.Information, Message = "ENI {Eni}: {Action} hook succeeded after {Milliseconds} ms")]
    public static partial void HookSucceeded(this ILogger logger, string eni, string action, long milliseconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: {Action} hook failed: {Detail}")]
    public static partial void HookFailed(this ILogger logger, string eni, string action, string detail);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: {Action} hook still runs after {Seconds} s (hooks.timeout): SIGTERM to its process group")]
    public static partial void HookTimedOut(this ILogger logger, string eni, string action, double seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ENI {Eni}: {Action} hook still runs {Seconds} s after SIGTERM (hooks.kill-grace): SIGKILL to its process group")]
    public static partial void HookKilled(this ILogger logger, string eni, string action, double seconds);
}
