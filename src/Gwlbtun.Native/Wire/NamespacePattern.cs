using System.Text.RegularExpressions;

namespace Gwlbtun.Native.Wire;

/// <summary>How the network namespace of an endpoint is named: a text in which the endpoint's ID stands in one of its three forms.</summary>
public sealed partial record NamespacePattern
{
    /// <summary>The longest file name (NAME_MAX, linux/limits.h), and so the longest name of a namespace.</summary>
    private const int MaximumLength = 255;

    private NamespacePattern(string text) => Text = text;

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>Reads a pattern. False when the names that it makes are no good in a file name or on a command line, or are the same for all endpoints.</summary>
    public static bool TryParse(string text, out NamespacePattern pattern)
    {
        pattern = new(text);
        var longest = pattern.NameOf(ulong.MaxValue);
        return longest.Length <= MaximumLength && Name().IsMatch(longest) && pattern.NameOf(0) != pattern.NameOf(1);
    }

    /// <summary>The name for an endpoint.</summary>
    public string NameOf(ulong eniId) => Text
        .Replace("{vpce}", EniName.VpceId(eniId), StringComparison.Ordinal)
        .Replace("{eni}", EniName.Hex17(eniId), StringComparison.Ordinal)
        .Replace("{name}", EniName.Base60(eniId), StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Text;

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
