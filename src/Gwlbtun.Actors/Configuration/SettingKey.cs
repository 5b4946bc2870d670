using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.Configuration;

/// <summary>A key of the configuration: its path, and the environment variable that sets it.</summary>
internal abstract class SettingKey(string path)
{
    public const string EnvironmentPrefix = "GWLBTUN_";

    /// <summary>The HOCON path, e.g. <c>tunnel.idle-timeout</c>.</summary>
    public string Path { get; } = path;

    /// <summary>The variable that sets it, e.g. <c>GWLBTUN_TUNNEL_IDLE_TIMEOUT</c>.</summary>
    public string EnvironmentName { get; } =
        EnvironmentPrefix + path.Replace('.', '_').Replace('-', '_').ToUpperInvariant();

    /// <summary>What is wrong with <paramref name="node"/> as this key's value: a sentence, or null.</summary>
    public abstract string? Refusal(HoconNode node);

    public override string ToString() => Path;
}

/// <summary>A key whose values are of type <typeparamref name="T"/>.</summary>
internal sealed class SettingKey<T>(string path, SettingType<T> type) : SettingKey(path)
{
    public SettingType<T> Type { get; } = type;

    public override string? Refusal(HoconNode node) => Type.Read(node, out _, out string? error) ? null : error;
}
