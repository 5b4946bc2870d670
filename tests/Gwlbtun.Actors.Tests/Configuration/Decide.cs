using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

/// <summary>Runs the whole decision from command line and environment, on a machine with cores 0 to 7.</summary>
internal static class Decide
{
    private static readonly int[] _cores = [0, 1, 2, 3, 4, 5, 6, 7];

    public static readonly Dictionary<string, string> NoEnvironment = [];

    public static StartupDecision Of(string[] arguments, Dictionary<string, string>? environment = null, int[]? cores = null) =>
        Startup.Decide(arguments, environment ?? NoEnvironment, cores ?? _cores);

    /// <summary>For words separated by blanks.</summary>
    public static StartupDecision OfLine(string line, Dictionary<string, string>? environment = null, int[]? cores = null) =>
        Of(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), environment, cores);

    public static GatewaySettings Settings(string line, Dictionary<string, string>? environment = null) => Run(OfLine(line, environment)).Settings;

    public static GatewaySettings Settings(string[] arguments) => Run(Of(arguments)).Settings;

    public static StartupDecision.Run Run(StartupDecision decision)
    {
        if (decision is StartupDecision.Exit exit)
            Assert.Fail(exit.Error + exit.Output);
        return (StartupDecision.Run)decision;
    }

    /// <summary>The settings of a HOCON text given with --config.</summary>
    public static GatewaySettings SettingsOfFile(string hocon, Dictionary<string, string>? environment = null)
    {
        using var files = new TemporaryFiles();
        return Run(Of(["--config", files.Write("test.conf", hocon)], environment)).Settings;
    }

    /// <summary>The errors of a HOCON text; its path is written as FILE.</summary>
    public static string ErrorsOfFile(string hocon, string[]? arguments = null, Dictionary<string, string>? environment = null, int[]? cores = null)
    {
        using var files = new TemporaryFiles();
        string path = files.Write("test.conf", hocon);
        return Error(Of(["--config", path, .. arguments ?? []], environment, cores)).Replace(path, "FILE", StringComparison.Ordinal);
    }

    /// <summary>What is written to standard error by a start that is refused.</summary>
    public static string Error(StartupDecision decision)
    {
        var exit = Assert.IsType<StartupDecision.Exit>(decision);
        Assert.Equal(1, exit.Code);
        Assert.Empty(exit.Output);
        return exit.Error;
    }
}
