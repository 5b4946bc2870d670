using Gwlbtun.Shared;

namespace Gwlbtun.EndToEnd.Tests.Programs;

/// <summary>Where the files under test are. test.sh publishes once and says where; a run from an IDE publishes by itself.</summary>
internal static class Artifacts
{
    private static readonly Lazy<string> _gwlbtun = new(() => FromEnvironment("E2E_GWLBTUN") ?? Publish("src/Gwlbtun.Actors", "gwlbtun"));
    private static readonly Lazy<string> _emulator = new(() => FromEnvironment("E2E_EMULATOR") ?? Publish("tests/Gwlbtun.Emulator", "gwlb-emulator"));

    /// <summary>The published executable.</summary>
    public static string Gwlbtun => _gwlbtun.Value;

    /// <summary>The emulator's executable.</summary>
    public static string Emulator => _emulator.Value;

    /// <summary>The path of an example script.</summary>
    public static string ExampleScript(string name) => Path.Combine(Repository.Root, "example-scripts", name);

    private static string? FromEnvironment(string variable)
    {
        var path = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrEmpty(path))
            return null;
        return File.Exists(path) ? path : throw new FileNotFoundException($"{variable} names {path}, which is not there.");
    }

    private static string Publish(string project, string executable)
    {
        var folder = Path.Combine(Repository.Root, "artifacts", executable);
        Command.Run("dotnet", "publish", Path.Combine(Repository.Root, project), "-c", "Release", "-v", "q", "-o", folder);
        return Path.Combine(folder, executable);
    }
}
