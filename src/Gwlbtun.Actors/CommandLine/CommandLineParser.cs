using System.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.CommandLine;

/// <summary>What the command line asks for.</summary>
internal enum StartupMode
{
    Run,
    PrintHelp,
    PrintVersion,
    CheckConfiguration,
    PrintConfiguration,
}

/// <summary>A command line, understood.</summary>
/// <param name="Mode">What is asked for.</param>
/// <param name="ConfigurationFile">The argument of <c>--config</c>, or null.</param>
/// <param name="Layer">The keys that options set.</param>
/// <param name="Notices">What was accepted, but has no effect.</param>
/// <param name="Errors">Why it is refused; empty when it is not.</param>
internal sealed record ParsedCommandLine(
    StartupMode Mode,
    string? ConfigurationFile,
    ConfigurationLayer Layer,
    IReadOnlyList<string> Notices,
    IReadOnlyList<string> Errors);

/// <summary>Understands the command line of the C++ handler and the options that were added to it.</summary>
internal static class CommandLineParser
{
    public static ParsedCommandLine Parse(IReadOnlyList<string> arguments)
    {
        var layer = new ConfigurationLayer();
        var notices = new List<string>();
        GetoptArguments getopt = GetoptArguments.Read(arguments);
        var command = new Command("gwlbtun");
        Dictionary<CommandOption, Option<string[]>> symbols = CommandOptions.All.ToDictionary(o => o, o => o.ToSymbol());
        foreach (Option<string[]> symbol in symbols.Values)
            command.Add(symbol);
        ParseResult parsed = command.Parse(
            getopt.Canonical,
            new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        notices.AddRange(getopt.Operands.Select(o => $"'{o}' is ignored: it is not an option."));
        foreach ((CommandOption option, Option<string[]> symbol) in symbols)
        {
            if (parsed.GetResult(symbol) is not null)
                Apply(option, parsed.GetValue(symbol) ?? [], layer, notices);
        }

        string? file = parsed.GetValue(symbols[CommandOptions.Config])?.LastOrDefault();
        return new ParsedCommandLine(ModeOf(o => parsed.GetResult(symbols[o]) is not null), file, layer, notices, [.. getopt.Errors, .. parsed.Errors.Select(e => e.Message)]);
    }

    private static void Apply(CommandOption option, string[] values, ConfigurationLayer layer, List<string> notices)
    {
        // Where an option is repeated the last one counts.
        string last = values.LastOrDefault("");
        if (option == CommandOptions.Logging)
            LoggingOption.Apply(last, option.Origin, layer, notices);
        else if (option == CommandOptions.Reserve)
            layer.Set(SettingKeys.FlowsReserve, new HoconList([.. values.Select(option.Value)], option.Origin));
        else if (option == CommandOptions.Ebpf || option == CommandOptions.EbpfInterface)
            notices.Add($"option {option.Forms} has no effect.");
        else if (option.Key is not null)
            layer.Set(option.Key, option.Value(last));
    }

    private static StartupMode ModeOf(Func<CommandOption, bool> isGiven) =>
        isGiven(CommandOptions.Help) ? StartupMode.PrintHelp
        : isGiven(CommandOptions.Version) ? StartupMode.PrintVersion
        : isGiven(CommandOptions.CheckConfig) ? StartupMode.CheckConfiguration
        : isGiven(CommandOptions.PrintConfig) ? StartupMode.PrintConfiguration
        : StartupMode.Run;
}
