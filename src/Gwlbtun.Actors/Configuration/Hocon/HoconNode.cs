using System.Diagnostics.CodeAnalysis;

namespace Gwlbtun.Actors.Configuration.Hocon;

/// <summary>
/// A node of a HOCON document that remembers where it was written. Akka's own parser keeps no positions, takes unbalanced
/// braces for granted and overflows the stack on a substitution that names itself, so files are read by <see cref="HoconParser"/>
/// and Akka gets its section as clean text.
/// </summary>
internal abstract record HoconNode(SettingOrigin Origin)
{
    /// <summary>The same value, written somewhere else.</summary>
    public HoconNode At(SettingOrigin origin) => this with { Origin = origin };
}

/// <summary>
/// Text without its quotation marks: HOCON's strings, numbers, booleans and units are told apart only by who reads them.
/// <c>IsNull</c> says that it was an unquoted <c>null</c>, which unsets the key.
/// </summary>
internal sealed record HoconScalar(string Text, SettingOrigin Origin, bool IsNull = false) : HoconNode(Origin);

/// <summary>A list in brackets.</summary>
internal sealed record HoconList(IReadOnlyList<HoconNode> Items, SettingOrigin Origin) : HoconNode(Origin);

/// <summary>An object; its members keep the order in which they first appeared.</summary>
internal sealed record HoconObject(SettingOrigin Origin) : HoconNode(Origin)
{
    private readonly OrderedDictionary<string, HoconNode> _members = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, HoconNode> Members => _members;

    public bool TryGet(string key, [NotNullWhen(true)] out HoconNode? node) => _members.TryGetValue(key, out node);

    public void Set(string key, HoconNode node) => _members[key] = node;

    /// <summary>Writes <paramref name="node"/> at <paramref name="path"/> as a later assignment does: objects merge, anything else replaces.</summary>
    public void Assign(ReadOnlySpan<string> path, HoconNode node)
    {
        if (path.Length == 1)
        {
            Set(path[0], TryGet(path[0], out HoconNode? earlier) ? Merge(earlier, node) : node);
            return;
        }

        var child = new HoconObject(node.Origin);
        child.Assign(path[1..], node);
        Assign(path[..1], child);
    }

    /// <summary>What is left when <paramref name="later"/> is assigned to a key that holds <paramref name="earlier"/>.</summary>
    public static HoconNode Merge(HoconNode earlier, HoconNode later)
    {
        if (later is HoconObject overlay && earlier is HoconObject target)
        {
            var merged = new HoconObject(overlay.Origin);
            foreach ((string key, HoconNode node) in target.Members)
                merged.Set(key, node);
            foreach ((string key, HoconNode node) in overlay.Members)
                merged.Set(key, merged.TryGet(key, out HoconNode? old) ? Merge(old, node) : node);
            return merged;
        }

        // What a substitution stands for, and so whether it merges or replaces, is known when it has been resolved.
        bool open = later is HoconSubstitution or HoconConcatenation or HoconOverride
            || (later is HoconObject && earlier is HoconSubstitution or HoconConcatenation or HoconOverride);
        return open ? new HoconOverride(earlier, later) : later;
    }
}

/// <summary>
/// A <c>${path}</c> or <c>${?path}</c> that stands for the value at that path. <c>Scope</c> is the path of the object into which
/// the file was included, where it is looked for first; empty in the main file.
/// </summary>
internal sealed record HoconSubstitution(string Path, string Scope, bool IsOptional, SettingOrigin Origin) : HoconNode(Origin);

/// <summary>Several values in a row on one line: text is joined, objects merge, lists are appended.</summary>
internal sealed record HoconConcatenation(IReadOnlyList<HoconNode> Parts, SettingOrigin Origin) : HoconNode(Origin);

/// <summary>An assignment over an earlier one, of which at least one holds a substitution.</summary>
internal sealed record HoconOverride(HoconNode Earlier, HoconNode Later) : HoconNode(Later.Origin);

/// <summary>A document that breaks the rules of HOCON, or cannot be read.</summary>
internal sealed class HoconException(string message, SettingOrigin origin, string? hint = null) : Exception(message)
{
    public SettingOrigin Origin { get; } = origin;

    public string? Hint { get; } = hint;
}
