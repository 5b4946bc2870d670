using System.Text;
using Akka.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.Configuration;

/// <summary>All layers laid over one another: the value that counts for each key, and where it was written.</summary>
internal sealed class EffectiveConfiguration
{
    private readonly Dictionary<SettingKey, HoconNode> _values = [];
    private readonly HoconObject _akka = new(SettingOrigin.BuiltIn.Instance);

    /// <param name="layers">From the weakest to the strongest; the first, the defaults, sets every key.</param>
    public EffectiveConfiguration(IEnumerable<ConfigurationLayer> layers)
    {
        foreach (ConfigurationLayer layer in layers)
        {
            foreach ((SettingKey key, HoconNode value) in layer.Values)
                _values[key] = value;
            if (layer.Akka is not null)
                _akka = (HoconObject)HoconObject.Merge(_akka, layer.Akka);
        }
    }

    public HoconNode this[SettingKey key] => _values[key];

    /// <summary>The <c>akka</c> section for an actor system.</summary>
    public Config ToAkka(SectionLevel core)
    {
        var root = new HoconObject(_akka.Origin);
        root.Set("akka", _akka);
        string text = HoconWriter.WriteMembers(root);

        // Akka drops below this level before anything is logged, so it follows the section that Akka's lines belong to.
        string level = core switch
        {
            SectionLevel.Critical => "ERROR",
            SectionLevel.Important => "WARNING",
            SectionLevel.Info => "INFO",
            _ => "DEBUG",
        };
        return ConfigurationFactory.ParseString($"akka.loglevel = {level}\n{text}");
    }

    /// <summary>The configuration as HOCON that gives the same settings again, with the origin of each value.</summary>
    public string Print()
    {
        var output = new StringBuilder();
        foreach (SettingKey key in SettingKeys.All)
            output.Append(key.Path).Append(" = ").Append(HoconWriter.WriteValue(this[key])).Append("  # ").Append(Remark(this[key])).Append('\n');
        return output.Append("akka {\n").Append(HoconWriter.WriteMembers(_akka, depth: 1, Remark)).Append("}\n").ToString();
    }

    private static string Remark(HoconNode node) => node.Origin.ToString()!.ReplaceLineEndings(" ");
}
