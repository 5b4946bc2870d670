using System.Text.Json;
using System.Text.RegularExpressions;
using Gwlbtun.Shared;

namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>An instruction of a Dockerfile (docs.docker.com/reference/dockerfile), its continued lines joined.</summary>
/// <param name="Name">In capitals.</param>
/// <param name="Flags">The words that begin it: <c>--from=build</c>.</param>
/// <param name="Arguments">What follows them.</param>
internal sealed record Instruction(string Name, IReadOnlyDictionary<string, string> Flags, string Arguments)
{
    private static readonly HashSet<string> _names =
        ["ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"];

    public IReadOnlyList<string> Words => Arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The words of a command in exec form; throws when it is in shell form.</summary>
    public IReadOnlyList<string> Exec => JsonSerializer.Deserialize<string[]>(Arguments.AsSpan(Arguments.IndexOf('[', StringComparison.Ordinal)))!;

    /// <summary>The names and values of ENV and LABEL.</summary>
    public IEnumerable<KeyValuePair<string, string>> Pairs =>
        from part in Regex.Matches(Arguments, """(\S+?)=("[^"]*"|\S*)""")
        select KeyValuePair.Create(part.Groups[1].Value, part.Groups[2].Value.Trim('"'));

    public static Instruction Parse(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var name = words[0].ToUpperInvariant();
        if (!_names.Contains(name) || words.Length == 1 || line.Contains("<<", StringComparison.Ordinal))
            throw new FormatException($"Not an instruction of a Dockerfile, or none that is understood here: {line}");
        var flags = words.Skip(1).TakeWhile(word => word.StartsWith("--", StringComparison.Ordinal)).ToArray();
        return new Instruction(name, flags.Select(flag => flag[2..].Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]), string.Join(' ', words.Skip(1 + flags.Length)));
    }
}

/// <summary>A stage of a Dockerfile, from one FROM to the next.</summary>
internal sealed record Stage(string Origin, string? Name, IReadOnlyList<Instruction> Instructions);

/// <summary>docker/Dockerfile, read.</summary>
internal sealed class Dockerfile
{
    /// <summary>Where it is in the repository.</summary>
    public const string Path = "docker/Dockerfile";

    private const string Installation = "dnf install ";

    private Dockerfile(IReadOnlyList<Stage> stages) => Stages = stages;

    public IReadOnlyList<Stage> Stages { get; }

    /// <summary>What is built when no stage is named.</summary>
    public Stage Final => Stages[^1];

    public static Dockerfile Read()
    {
        List<Stage> stages = [];
        List<Instruction> instructions = [];
        foreach (var instruction in Lines().Select(Instruction.Parse))
        {
            if (instruction.Name == "FROM")
            {
                instructions = [];
                stages.Add(new Stage(instruction.Words[0], instruction.Words is [_, "AS", var name] ? name : null, instructions));
            }
            else if (stages.Count > 0 || instruction.Name == "ARG")
            {
                instructions.Add(instruction);
            }
            else
            {
                throw new FormatException($"An instruction before the first FROM: {instruction}");
            }
        }
        return new Dockerfile(stages);
    }

    public Stage Stage(string name) => Stages.Single(stage => stage.Name == name);

    /// <summary>The instructions of a stage and of those that it stands on, the oldest first.</summary>
    public IEnumerable<Instruction> All(Stage stage) =>
        (Stages.SingleOrDefault(parent => parent.Name == stage.Origin) is { } parent ? All(parent) : []).Concat(stage.Instructions);

    /// <summary>The one that holds, of those that a later one replaces.</summary>
    public Instruction Last(Stage stage, string name) => All(stage).Last(instruction => instruction.Name == name);

    /// <summary>Whether this is a RUN that installs packages.</summary>
    public static bool IsInstallation(Instruction instruction) =>
        instruction.Name == "RUN" && instruction.Arguments.StartsWith(Installation, StringComparison.Ordinal);

    /// <summary>The packages that a stage installs.</summary>
    public static IEnumerable<string> Packages(Stage stage) =>
        from run in stage.Instructions.Where(IsInstallation)
        from word in run.Arguments[Installation.Length..].Split(" && ")[0].Split(' ')
        where !word.StartsWith('-')
        select word;

    // Comments may stand between continued lines.
    private static IEnumerable<string> Lines()
    {
        var unfinished = "";
        foreach (var line in File.ReadLines(Repository.PathOf(Path)).Select(line => line.Trim()))
        {
            if (line is "" or ['#', ..])
                continue;
            unfinished += line.TrimEnd('\\');
            if (line.EndsWith('\\'))
                continue;
            yield return unfinished;
            unfinished = "";
        }
        if (unfinished != "")
            throw new FormatException($"The last instruction of {Path} is not finished: {unfinished}");
    }
}
