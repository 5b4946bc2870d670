namespace Gwlbtun.Actors.CommandLine;

/// <summary>
/// Rewrites a command line that follows the rules of getopt_long(3) into one canonical form, <c>--name=argument</c>.
/// System.CommandLine, which takes it from there, knows neither unique abbreviations of long names, nor clusters whose last
/// letter takes an argument that may itself begin with a letter of another option (<c>-jccreate.sh</c>), nor arguments that look like options.
/// </summary>
internal sealed class GetoptArguments
{
    private readonly List<string> _canonical = [];
    private readonly List<string> _operands = [];
    private readonly List<string> _errors = [];

    private GetoptArguments()
    {
    }

    /// <summary>The options in canonical form, in their order.</summary>
    public IReadOnlyList<string> Canonical => _canonical;

    /// <summary>What is neither an option nor an option's argument; the C++ handler ignored it.</summary>
    public IReadOnlyList<string> Operands => _operands;

    /// <summary>Everything that breaks the rules. Reading stops at a request for help.</summary>
    public IReadOnlyList<string> Errors => _errors;

    public static GetoptArguments Read(IReadOnlyList<string> arguments)
    {
        var result = new GetoptArguments();
        for (int i = 0; i < arguments.Count && !result.AsksForHelp; i++)
        {
            string argument = arguments[i];
            if (argument == "--")
            {
                result._operands.AddRange(arguments.Skip(i + 1));
                break;
            }

            if (argument.StartsWith("--", StringComparison.Ordinal))
                i += result.ReadLong(argument, next: i + 1 < arguments.Count ? arguments[i + 1] : null);
            else if (argument.Length > 1 && argument[0] == '-')
                i += result.ReadCluster(argument, next: i + 1 < arguments.Count ? arguments[i + 1] : null);
            else
                result._operands.Add(argument);
        }

        return result;
    }

    private bool AsksForHelp => _canonical.Count > 0 && _canonical[^1] == CommandOptions.Help.Name;

    /// <returns>How many further arguments were consumed: 0 or 1.</returns>
    private int ReadLong(string argument, string? next)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? argument : argument[..equals];
        if (FindLong(name) is not { } option)
            return 0;
        if (!option.TakesArgument)
        {
            if (equals >= 0)
                _errors.Add($"option {option.Name} takes no argument");
            else
                Add(option, argument: null);
            return 0;
        }

        if (equals >= 0)
        {
            Add(option, argument[(equals + 1)..]);
            return 0;
        }

        return AddWithNext(option, name, next);
    }

    /// <returns>How many further arguments were consumed: 0 or 1.</returns>
    private int ReadCluster(string argument, string? next)
    {
        for (int i = 1; i < argument.Length; i++)
        {
            char letter = argument[i];
            CommandOption? option = CommandOptions.All.FirstOrDefault(o => o.Letters.Contains(letter, StringComparison.Ordinal));
            if (option is null)
            {
                // The letters behind it are those of a word, most likely.
                _errors.Add($"unknown option -{letter}" + (argument.Length > 2 ? $" in {argument}" : ""));
                return 0;
            }

            if (option.TakesArgument)
            {
                if (i + 1 == argument.Length)
                    return AddWithNext(option, $"-{letter}", next);
                Add(option, argument[(i + 1)..]);
                return 0;
            }

            Add(option, argument: null);
        }

        return 0;
    }

    private int AddWithNext(CommandOption option, string asWritten, string? next)
    {
        if (next is null)
        {
            _errors.Add($"option {asWritten} needs an argument: {option.Argument}");
            return 0;
        }

        Add(option, next);
        return 1;
    }

    private void Add(CommandOption option, string? argument)
    {
        // One stands for the other, so that the last of the two counts.
        if (option == CommandOptions.Debug)
            (option, argument) = (CommandOptions.Logging, "all=debug");

        // System.CommandLine sees an empty argument only where it stands alone.
        if (string.IsNullOrEmpty(argument))
            _canonical.AddRange(argument is null ? [option.Name] : [option.Name, ""]);
        else
            _canonical.Add($"{option.Name}={argument}");
    }

    private CommandOption? FindLong(string name)
    {
        CommandOption[] matches = [.. CommandOptions.All.Where(o => o.Name.StartsWith(name, StringComparison.Ordinal))];
        if (Array.Find(matches, o => o.Name == name) is { } exact)
            return exact;

        // What was a unique abbreviation for the C++ handler stays one.
        CommandOption[] old = [.. matches.Where(o => !o.IsNew)];
        if (old.Length == 1)
            return old[0];
        if (matches.Length == 1)
            return matches[0];
        _errors.Add(matches.Length == 0
            ? $"unknown option {name}"
            : $"option {name} is ambiguous: {string.Join(", ", matches.Select(o => o.Name))}");
        return null;
    }
}
