using System.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.CommandLine;

/// <summary>An option of the command line.</summary>
/// <param name="Name">The long name with its dashes, e.g. <c>--port</c>. <c>-s</c> never had one; it counts as its name.</param>
/// <param name="Letters">The letters that mean the same after a single dash.</param>
/// <param name="Argument">The name of its argument in the help text, or null when it takes none.</param>
/// <param name="Help">What it does, for the help text.</param>
internal sealed record CommandOption(string Name, string Letters, string? Argument, string Help)
{
    /// <summary>It came after the C++ handler, so it must not make an abbreviation ambiguous that was none there.</summary>
    public bool IsNew { get; init; }

    /// <summary>The key that it sets, or null.</summary>
    public SettingKey? Key { get; init; }

    /// <summary>What it sets the key to, made of its argument; by default the argument itself.</summary>
    public Func<string, string> ToValue { get; init; } = argument => argument;

    public bool TakesArgument => Argument is not null;

    /// <summary>All forms, for messages: <c>-p, --port</c>.</summary>
    public string Forms => string.Join(", ", [.. Letters.Select(l => $"-{l}"), .. Name.StartsWith("--", StringComparison.Ordinal) ? [Name] : Array.Empty<string>()]);

    /// <summary>The origin of what it sets.</summary>
    public SettingOrigin Origin => new SettingOrigin.Option(Forms);

    /// <summary>The value it gives to its key for <paramref name="argument"/>.</summary>
    public HoconScalar Value(string argument) => new(ToValue(argument), Origin);

    /// <summary>
    /// The option for System.CommandLine, which gets it in its one canonical form (<see cref="GetoptArguments"/>): by name, the argument joined with '='.
    /// </summary>
    public Option<string[]> ToSymbol() => new(Name)
    {
        Arity = TakesArgument ? ArgumentArity.OneOrMore : ArgumentArity.Zero,
        AllowMultipleArgumentsPerToken = false,
    };
}
