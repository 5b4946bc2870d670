using System.Runtime.CompilerServices;

namespace Gwlbtun.Native.Linux;

/// <summary>What a system call answered: a value of zero or more, or a negative errno.</summary>
public readonly struct SysResult
{
    private readonly nint _value;

    private SysResult(nint value) => _value = value;

    /// <summary>Whether the call failed.</summary>
    public bool IsError
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value < 0;
    }

    /// <summary>The call's value. Meaningful only when <see cref="IsError"/> is false.</summary>
    public int Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (int)_value;
    }

    /// <summary>The error, or number 0 when the call succeeded.</summary>
    public LinuxError Error => new(IsError ? (int)-_value : 0);

    /// <summary>The errno, or 0 when the call succeeded.</summary>
    public int Errno => IsError ? (int)-_value : 0;

    /// <summary>Takes a raw return value; when it is negative, reads errno. Must stand on the very next statement after the call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static SysResult From(nint returned) => returned >= 0 ? new(returned) : Failed();

    /// <summary>A result from an errno that came by another way than a system call's return; 0 is success.</summary>
    internal static SysResult FromErrno(int errno) => new(-errno);

    /// <summary>For set-up only: the value, or a <see cref="LinuxException"/> that says what was tried.</summary>
    /// <param name="tried">What was tried and on what, as a clause: <c>"bind UDP 0.0.0.0:6081"</c>.</param>
    /// <param name="hint">What the user can do about it.</param>
    public int OrThrow(string tried, string? hint = null) => IsError ? throw new LinuxException(tried, Error, hint) : (int)_value;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static SysResult Failed()
    {
        var errno = LinuxError.Last.Number;
        return new(errno == 0 ? -LinuxError.EIO : -errno);
    }
}
