namespace Gwlbtun.Native.Linux;

/// <summary>A system call that failed while something was being set up. Never thrown on the packet path.</summary>
public sealed class LinuxException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="tried">What was tried and on what, as a clause.</param>
    /// <param name="error">What the kernel answered.</param>
    /// <param name="hint">What the user can do about it.</param>
    public LinuxException(string tried, LinuxError error, string? hint = null)
        : base(hint is null ? $"Cannot {tried}: {error}." : $"Cannot {tried}: {error}. {hint}") => Error = error;

    /// <summary>What the kernel answered.</summary>
    public LinuxError Error { get; }
}
