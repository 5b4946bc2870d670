using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.CommandLine;

/// <summary>Reads the argument of <c>--logging</c>: <c>SECTION=LEVEL,...</c>, without regard to case. As with the C++ handler a wrong word is reported and ignored.</summary>
internal static class LoggingOption
{
    public static void Apply(string text, SettingOrigin origin, ConfigurationLayer layer, ICollection<string> notices)
    {
        foreach (string item in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = item.Split('=', 2, StringSplitOptions.TrimEntries);
            if (words.Length != 2)
            {
                notices.Add($"{origin}: '{item}' is ignored: it is not SECTION=LEVEL.");
                continue;
            }

            string? section = SectionLevels.Sections.Append(SectionLevels.AllSections).FirstOrDefault(s => s.Equals(words[0], StringComparison.OrdinalIgnoreCase));
            string? level = SectionLevels.Words.Select(w => w.Word).FirstOrDefault(w => w.Equals(words[1], StringComparison.OrdinalIgnoreCase));
            if (section is null)
                notices.Add($"{origin}: '{item}' is ignored: '{words[0]}' is no section ({string.Join(", ", SectionLevels.Sections)}, {SectionLevels.AllSections}).");
            else if (level is null)
                notices.Add($"{origin}: '{item}' is ignored: '{words[1]}' is no level ({string.Join(", ", SectionLevels.Words.Select(w => w.Word))}).");
            else
                Set(section, new HoconScalar(level, origin), layer);
        }
    }

    private static void Set(string section, HoconScalar level, ConfigurationLayer layer)
    {
        foreach (string name in section == SectionLevels.AllSections ? SectionLevels.Sections : [section])
            layer.Set(SettingKeys.LevelKey(name), level);
    }
}
