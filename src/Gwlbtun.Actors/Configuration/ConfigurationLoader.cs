using System.Reflection;
using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.Configuration;

/// <summary>Where the configuration comes from, beside the defaults.</summary>
/// <param name="File">The HOCON file and the option that named it, or null.</param>
/// <param name="Environment">The environment variables, all of them: substitutions may name any.</param>
/// <param name="CommandLine">What options set.</param>
/// <param name="AvailableCores">The cores this process may run on.</param>
internal sealed record ConfigurationSources(
    (string Path, SettingOrigin NamedBy)? File,
    IReadOnlyDictionary<string, string> Environment,
    ConfigurationLayer CommandLine,
    IReadOnlyList<int> AvailableCores);

/// <summary>What came of loading.</summary>
/// <param name="Settings">The settings; usable only when there are no errors.</param>
/// <param name="Effective">The values behind them, for printing.</param>
/// <param name="Errors">Everything that is wrong.</param>
/// <param name="Warnings">What is odd, but works.</param>
internal sealed record ConfigurationResult(
    GatewaySettings Settings,
    EffectiveConfiguration Effective,
    IReadOnlyList<ConfigurationError> Errors,
    IReadOnlyList<string> Warnings);

/// <summary>Lays the layers over one another (defaults, file, environment, command line; the later wins) and validates all of it.</summary>
internal static class ConfigurationLoader
{
    private const string DefaultsResource = "gwlbtun.conf";

    /// <summary>The text of hocon/gwlbtun.conf as it was built in.</summary>
    public static string DefaultsText()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(DefaultsResource)
            ?? throw new InvalidOperationException($"The resource {DefaultsResource} is missing.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    public static ConfigurationResult Load(ConfigurationSources sources)
    {
        var errors = new List<ConfigurationError>();
        HoconObject defaultsDocument = Resolve(HoconParser.ParseText(DefaultsText(), _ => SettingOrigin.BuiltIn.Instance), null, sources.Environment);
        ConfigurationLayer defaults = ConfigurationLayer.FromHocon(defaultsDocument, errors);
        ConfigurationLayer file = sources.File is { } named ? LoadFile(named, defaultsDocument, sources.Environment, errors) : new ConfigurationLayer();
        ConfigurationLayer environment = EnvironmentLayer.Read(sources.Environment, errors);

        var effective = new EffectiveConfiguration([defaults, file, environment, sources.CommandLine]);
        var binder = new SettingsBinder(effective, defaults, sources.AvailableCores);
        GatewaySettings settings = binder.Bind();
        return new ConfigurationResult(settings, effective, [.. errors, .. binder.Errors], binder.Warnings);
    }

    private static ConfigurationLayer LoadFile(
        (string Path, SettingOrigin NamedBy) file,
        HoconObject defaults,
        IReadOnlyDictionary<string, string> environment,
        List<ConfigurationError> errors)
    {
        try
        {
            HoconObject document = HoconParser.ParseFile(file.Path, file.NamedBy);
            return ConfigurationLayer.FromHocon(Resolve(document, defaults, environment), errors);
        }
        catch (HoconException e)
        {
            errors.Add(new ConfigurationError(null, e.Origin, e.Message, e.Hint));
            return new ConfigurationLayer();
        }
    }

    private static HoconObject Resolve(HoconObject document, HoconObject? defaults, IReadOnlyDictionary<string, string> environment) =>
        new HoconResolver(document, defaults, environment).Resolve();
}
