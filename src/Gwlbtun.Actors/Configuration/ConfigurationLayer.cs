using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.Configuration;

/// <summary>What one source says: the keys that it sets, and its part of the <c>akka</c> section.</summary>
internal sealed class ConfigurationLayer
{
    private const string AkkaSection = "akka";

    private static readonly Dictionary<string, SettingKey> _keys = SettingKeys.All.ToDictionary(k => k.Path, StringComparer.Ordinal);

    private readonly Dictionary<SettingKey, HoconNode> _values = [];

    public IReadOnlyDictionary<SettingKey, HoconNode> Values => _values;

    public HoconObject? Akka { get; private set; }

    public void Set(SettingKey key, HoconNode value) => _values[key] = value;

    /// <summary>Takes the known keys out of a resolved document; what is unknown becomes an error.</summary>
    public static ConfigurationLayer FromHocon(HoconObject document, ICollection<ConfigurationError> errors)
    {
        var layer = new ConfigurationLayer();
        foreach ((string name, HoconNode node) in document.Members)
        {
            if (name != AkkaSection)
                layer.Collect(name, node, errors);
            else if (node is HoconObject akka)
                layer.Akka = akka;
            else
                errors.Add(new ConfigurationError(AkkaSection, node.Origin, "this is a section, not a value.", "Write akka { ... }."));
        }

        return layer;
    }

    private void Collect(string path, HoconNode node, ICollection<ConfigurationError> errors)
    {
        if (_keys.TryGetValue(path, out SettingKey? key))
        {
            // null leaves the key to the layers below.
            if (node is not HoconScalar { IsNull: true })
                _values[key] = node;
        }
        else if (node is HoconObject { Members.Count: > 0 } section)
        {
            foreach ((string name, HoconNode member) in section.Members)
                Collect($"{path}.{name}", member, errors);
        }
        else if (!_keys.Keys.Any(k => k.StartsWith(path + ".", StringComparison.Ordinal)))
        {
            errors.Add(new ConfigurationError(path, node.Origin, "there is no such key.", Spelling.SuggestKey(path, _keys.Keys)));
        }
        else if (node is not HoconObject)
        {
            errors.Add(new ConfigurationError(path, node.Origin, "this is a section, not a value.", $"Write {path} {{ ... }}."));
        }
    }
}
