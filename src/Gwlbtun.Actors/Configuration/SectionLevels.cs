namespace Gwlbtun.Actors.Configuration;

/// <summary>The words for the logging sections and levels, as the C++ handler had them.</summary>
internal static class SectionLevels
{
    public const string AllSections = "all";

    public static readonly string[] Sections = ["core", "udp", "geneve", "tunnel", "healthcheck", "os", "ebpf"];

    public static readonly (string Word, SectionLevel Level)[] Words =
    [
        ("critical", SectionLevel.Critical),
        ("important", SectionLevel.Important),
        ("info", SectionLevel.Info),
        ("debug", SectionLevel.Debug),
        ("debugdetail", SectionLevel.DebugDetail),
    ];
}
