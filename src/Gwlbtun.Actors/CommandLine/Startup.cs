using System.Collections;
using System.Text;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Linux;

namespace Gwlbtun.Actors.CommandLine;

/// <summary>Decides what the process does. Starts nothing, and touches nothing but the files that it is told to read.</summary>
public static class Startup
{
    /// <summary>Decides for this process's own environment and cores.</summary>
    /// <param name="arguments">The command line without the program's name.</param>
    public static StartupDecision Decide(IReadOnlyList<string> arguments)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
            environment[(string)variable.Key] = (string?)variable.Value ?? "";
        return Decide(arguments, environment, CpuAffinity.Allowed());
    }

    internal static StartupDecision Decide(
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string> environment,
        IReadOnlyList<int> availableCores)
    {
        ParsedCommandLine line = CommandLineParser.Parse(arguments);
        if (line is { Mode: StartupMode.PrintHelp, Errors.Count: 0 })
            return new StartupDecision.Exit(0, HelpText.Write(), "");
        if (line is { Mode: StartupMode.PrintVersion, Errors.Count: 0 })
            return new StartupDecision.Exit(0, $"gwlbtun {ProgramVersion.Full}\n", "");

        ConfigurationResult configuration = ConfigurationLoader.Load(new ConfigurationSources(
            line.ConfigurationFile is null ? null : (line.ConfigurationFile, CommandOptions.Config.Origin),
            environment,
            line.Layer,
            availableCores));
        if (line.Errors.Count > 0)
        {
            string others = configuration.Errors.Count > 0 ? Describe(configuration.Errors) + "\n" : "\n";
            return new StartupDecision.Exit(1, "", $"{Lines(line.Errors)}{others}{HelpText.Write()}");
        }

        if (configuration.Errors.Count > 0)
            return new StartupDecision.Exit(1, "", Describe(configuration.Errors));

        string[] notices = [.. line.Notices, .. configuration.Warnings];
        return line.Mode switch
        {
            StartupMode.CheckConfiguration => new StartupDecision.Exit(0, "OK\n", Lines(notices)),
            StartupMode.PrintConfiguration => new StartupDecision.Exit(0, configuration.Effective.Print(), Lines(notices)),
            _ => new StartupDecision.Run(configuration.Settings, notices),
        };
    }

    private static string Describe(IReadOnlyList<ConfigurationError> errors)
    {
        var text = new StringBuilder();
        text.Append(errors.Count == 1 ? "gwlbtun: there is an error" : $"gwlbtun: there are {errors.Count} errors");
        text.Append(" in the configuration; nothing was started.\n");
        foreach (ConfigurationError error in errors)
            text.Append("  ").Append(error).Append('\n');
        return text.ToString();
    }

    private static string Lines(IEnumerable<string> notices) => string.Concat(notices.Select(n => $"gwlbtun: {n}\n"));
}
