namespace Gwlbtun.Actors.Configuration;

/// <summary>Where a value of the configuration was written. Named in errors and by <c>--print-config</c>.</summary>
internal abstract record SettingOrigin
{
    /// <summary>The defaults inside the executable (hocon/gwlbtun.conf).</summary>
    public sealed record BuiltIn : SettingOrigin
    {
        public static readonly BuiltIn Instance = new();

        public override string ToString() => "default";
    }

    /// <summary>A line of a HOCON file.</summary>
    public sealed record File(string Path, int Line) : SettingOrigin
    {
        public override string ToString() => $"{Path}:{Line}";
    }

    /// <summary>An environment variable.</summary>
    public sealed record EnvironmentVariable(string Name) : SettingOrigin
    {
        public override string ToString() => $"environment variable {Name}";
    }

    /// <summary>A command-line option; the name lists its forms, e.g. <c>-p, --port</c>.</summary>
    public sealed record Option(string Names) : SettingOrigin
    {
        public override string ToString() => $"option {Names}";
    }
}
