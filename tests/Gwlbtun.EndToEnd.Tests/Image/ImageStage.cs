namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>A stage of the Dockerfile as built: its root file system, and how a container of it starts.</summary>
internal sealed record ImageStage
{
    /// <summary>The folder that holds the root file system.</summary>
    public required string Root { get; init; }

    public string WorkingDirectory { get; init; } = "/";

    public int User { get; init; }

    public int Group { get; init; }

    public IReadOnlyList<string> Entrypoint { get; init; } = [];

    public IReadOnlyList<string> Command { get; init; } = [];

    public IReadOnlyList<string> HealthCheck { get; init; } = [];

    /// <summary>What a container engine sets where the image does not, and what the image sets.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>
    {
        ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ["HOME"] = "/",
    };
}
