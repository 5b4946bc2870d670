using System.Text.RegularExpressions;

namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>What a .dockerignore file keeps out of the build (docs.docker.com/build/concepts/context/#dockerignore-files): the last line that matches decides.</summary>
internal sealed class DockerIgnore
{
    private readonly (Regex Pattern, bool Ignores)[] _rules;

    public DockerIgnore(string file) =>
        _rules = [.. from line in File.ReadLines(file) let rule = line.Trim() where rule is not ("" or ['#', ..]) select Rule(rule)];

    /// <summary>Whether the file of this path, relative to the context, is missing from the build.</summary>
    public bool Ignores(string path)
    {
        var ignored = false;
        foreach (var (pattern, ignores) in _rules)
        {
            if (pattern.IsMatch(path))
                ignored = ignores;
        }
        return ignored;
    }

    // A pattern holds for everything below what it matches.
    private static (Regex Pattern, bool Ignores) Rule(string rule)
    {
        var pattern = Regex.Escape(rule.TrimStart('!').Trim('/')).Replace(@"\*\*/", "(.*/)?", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal);
        return (new Regex($"^{pattern}(/.*)?$"), rule[0] != '!');
    }
}
