namespace Gwlbtun.Actors.Logging;

/// <summary>
/// The logger categories, one for each section of <c>--logging</c>. Anything else that logs (Akka, the host) counts as
/// <see cref="Core"/>, the web server as <see cref="Healthcheck"/>.
/// </summary>
public static class LogSections
{
    /// <summary>Start, stop, actors.</summary>
    public const string Core = Prefix + "core";

    /// <summary>Receive threads and their sockets.</summary>
    public const string Udp = Prefix + "udp";

    /// <summary>Geneve headers and flows.</summary>
    public const string Geneve = Prefix + "geneve";

    /// <summary>Devices and hooks.</summary>
    public const string Tunnel = Prefix + "tunnel";

    /// <summary>The health endpoint.</summary>
    public const string Healthcheck = Prefix + "healthcheck";

    /// <summary>What is asked of the kernel.</summary>
    public const string Os = Prefix + "os";

    /// <summary>The in-kernel path.</summary>
    public const string Ebpf = Prefix + "ebpf";

    internal const string WebServer = "Microsoft.AspNetCore";

    private const string Prefix = "gwlbtun.";

    /// <summary>The section's word, as in <c>--logging</c>, of a logger category.</summary>
    internal static string WordOf(string? category)
    {
        if (category is null)
            return Core[Prefix.Length..];
        if (category.StartsWith(Prefix, StringComparison.Ordinal))
            return category[Prefix.Length..];
        return (category.StartsWith(WebServer, StringComparison.Ordinal) ? Healthcheck : Core)[Prefix.Length..];
    }
}
