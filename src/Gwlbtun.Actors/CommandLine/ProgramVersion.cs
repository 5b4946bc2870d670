using System.Reflection;

namespace Gwlbtun.Actors.CommandLine;

/// <summary>The version of this build, made of the git tag it stands on.</summary>
internal static class ProgramVersion
{
    private const int CommitDigits = 10;

    private static readonly string[] _parts = Informational().Split('+');

    /// <summary>For example <c>1.2.0</c>, or <c>1.2.1-alpha.0.3</c> three commits after it.</summary>
    public static string Number => _parts[0];

    /// <summary>The number and, where known, the commit: <c>1.2.0 (9c3f0d7a21)</c>.</summary>
    public static string Full => _parts.Length > 1 ? $"{_parts[0]} ({_parts[1][..Math.Min(CommitDigits, _parts[1].Length)]})" : _parts[0];

    private static string Informational() =>
        Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
