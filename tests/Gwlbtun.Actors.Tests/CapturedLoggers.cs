using Microsoft.Extensions.Logging;

namespace Gwlbtun.Actors.Tests;

/// <summary>Every category's lines in one <see cref="CapturedLog"/>.</summary>
internal sealed class CapturedLoggers(CapturedLog log) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => log;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
