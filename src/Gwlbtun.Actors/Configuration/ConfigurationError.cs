namespace Gwlbtun.Actors.Configuration;

/// <summary>One thing wrong with the configuration.</summary>
/// <param name="Key">The HOCON key, or null where there is none (a syntax error, an unknown environment variable).</param>
/// <param name="Origin">Where the value was written.</param>
/// <param name="Message">What is wrong; a sentence.</param>
/// <param name="Hint">What to do about it; a sentence, or null.</param>
internal sealed record ConfigurationError(string? Key, SettingOrigin? Origin, string Message, string? Hint = null)
{
    public override string ToString()
    {
        string where = (Key, Origin) switch
        {
            (null, null) => "",
            (null, _) => $"{Origin}: ",
            (_, null) => $"{Key}: ",
            _ => $"{Key} ({Origin}): ",
        };
        return Hint is null ? where + Message : $"{where}{Message} {Hint}";
    }
}
