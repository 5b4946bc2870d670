namespace Gwlbtun.Shared;

/// <summary>Waiting for what must come.</summary>
internal static class Wait
{
    /// <summary>Far more than a busy machine takes, or stalls: only a test that fails waits as long.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
}
