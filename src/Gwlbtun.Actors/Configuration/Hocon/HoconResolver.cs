namespace Gwlbtun.Actors.Configuration.Hocon;

/// <summary>
/// Replaces substitutions: by the value in the document, else in the built-in defaults, else of the environment variable of
/// that name. A document without any comes back as it was.
/// </summary>
internal sealed class HoconResolver(HoconObject document, HoconObject? defaults, IReadOnlyDictionary<string, string> environment)
{
    // A node in here is being resolved; to meet it again means that it refers to itself.
    private readonly HashSet<HoconNode> _open = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<HoconNode, HoconNode?> _resolved = new(ReferenceEqualityComparer.Instance);

    // What a key held before the assignment being resolved: a reference to the own key stands for that.
    private readonly Dictionary<HoconNode, HoconNode> _earlier = new(ReferenceEqualityComparer.Instance);

    /// <summary>The whole document with every substitution replaced.</summary>
    /// <exception cref="HoconException">A substitution leads nowhere, or to itself.</exception>
    public HoconObject Resolve() => (HoconObject)Resolve(document)!;

    private HoconNode? Resolve(HoconNode node)
    {
        if (node is HoconScalar)
            return node;
        if (_resolved.TryGetValue(node, out HoconNode? known))
            return known;
        if (!_open.Add(node))
            throw new HoconException("this value refers to itself.", node.Origin);

        HoconNode? result = node switch
        {
            HoconObject o => ResolveMembers(o),
            HoconList l => new HoconList([.. l.Items.Select(Resolve).OfType<HoconNode>()], l.Origin),
            HoconConcatenation c => Join([.. c.Parts.Select(Resolve).OfType<HoconNode>()], c.Origin),
            HoconOverride o => ResolveOverride(o),
            HoconSubstitution s => ResolveSubstitution(s),
            _ => node,
        };
        _open.Remove(node);
        return _resolved[node] = result;
    }

    private HoconObject ResolveMembers(HoconObject node)
    {
        var result = new HoconObject(node.Origin);
        foreach ((string key, HoconNode member) in node.Members)
        {
            if (Resolve(member) is { } value)
                result.Set(key, value);
        }

        return result;
    }

    private HoconNode? ResolveOverride(HoconOverride node)
    {
        _earlier[node] = node.Earlier;
        HoconNode? later = Resolve(node.Later);
        if (later is null)
            return Resolve(node.Earlier);
        return later is HoconObject && Resolve(node.Earlier) is HoconObject earlier ? HoconObject.Merge(earlier, later) : later;
    }

    private HoconNode? ResolveSubstitution(HoconSubstitution node)
    {
        HoconNode? target = node.Scope.Length > 0 ? Find(document, $"{node.Scope}.{node.Path}") : null;
        target ??= Find(document, node.Path);
        while (target is not null && _open.Contains(target))
            target = _earlier.GetValueOrDefault(target);
        target ??= defaults is null ? null : Find(defaults, node.Path);

        if (target is not null)
            return Resolve(target)?.At(node.Origin);
        if (environment.TryGetValue(node.Path, out string? text))
            return new HoconScalar(text, node.Origin);
        return node.IsOptional
            ? null
            : throw new HoconException($"${{{node.Path}}} leads nowhere, or to itself.", node.Origin, $"Write ${{?{node.Path}}} if it may be missing.");
    }

    private static HoconNode? Find(HoconObject root, string path)
    {
        HoconNode? node = root;
        foreach (string segment in path.Split('.'))
        {
            if (node is not HoconObject parent || !parent.TryGet(segment, out node))
                return null;
        }

        return node;
    }

    private static HoconNode? Join(List<HoconNode> parts, SettingOrigin origin)
    {
        List<HoconNode> solid = [.. parts.Where(p => p is not HoconScalar { Text: var text } || !string.IsNullOrWhiteSpace(text))];
        if (solid.Count == 0)
            return parts.Count == 0 ? null : new HoconScalar("", origin);
        if (solid.TrueForAll(p => p is HoconObject))
            return solid.Aggregate(HoconObject.Merge);
        if (solid.TrueForAll(p => p is HoconList))
            return new HoconList([.. solid.SelectMany(p => ((HoconList)p).Items)], origin);
        return solid.TrueForAll(p => p is HoconScalar)
            ? new HoconScalar(string.Concat(parts.Select(p => ((HoconScalar)p).Text)).Trim(), origin)
            : throw new HoconException("text, lists and objects cannot be joined in one value.", origin);
    }
}
