namespace Gwlbtun.Actors.Lifecycle;

/// <summary>A program and the arguments that stand before the hook's own.</summary>
/// <param name="File">Path of the executable.</param>
/// <param name="LeadingArguments">Arguments before ACTION, devices and endpoint.</param>
public sealed record HookProgram(string File, IReadOnlyList<string> LeadingArguments);

/// <summary>What <see cref="LifecycleActor"/> works by.</summary>
public sealed record LifecycleOptions
{
    /// <summary>Run for a new endpoint; null for none.</summary>
    public HookProgram? Create { get; init; }

    /// <summary>Run for an endpoint that goes; null for none.</summary>
    public HookProgram? Destroy { get; init; }

    /// <summary>How long a hook may run before its process group gets SIGTERM.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long after SIGTERM the group gets SIGKILL.</summary>
    public TimeSpan KillGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Hooks that may run at once; at least 1.</summary>
    public int Parallelism { get; init; } = 8;

    /// <summary>How long an endpoint may be idle in both directions; zero is for ever.</summary>
    public TimeSpan IdleTimeout { get; init; }
}
