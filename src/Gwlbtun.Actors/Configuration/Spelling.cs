namespace Gwlbtun.Actors.Configuration;

/// <summary>Finds what a user may have meant by a word that is not known.</summary>
internal static class Spelling
{
    /// <summary>"Did you mean X?", or null where nothing is near.</summary>
    public static string? Suggest(string word, IEnumerable<string> known)
    {
        int tolerance = Math.Max(2, word.Length / 4);
        string? nearest = known
            .Select(k => (Word: k, Distance: Distance(word.ToUpperInvariant(), k.ToUpperInvariant())))
            .Where(c => c.Distance <= tolerance)
            .OrderBy(c => c.Distance)
            .Select(c => c.Word)
            .FirstOrDefault();
        return nearest is null ? null : $"Did you mean {nearest}?";
    }

    /// <summary>As <see cref="Suggest"/>; failing that, the known keys that end in the same segment.</summary>
    public static string? SuggestKey(string path, IReadOnlyCollection<string> known)
    {
        if (Suggest(path, known) is { } near)
            return near;
        string segment = path[(path.LastIndexOf('.') + 1)..];
        string[] same = [.. known.Where(k => k == segment || k.EndsWith('.' + segment, StringComparison.Ordinal))];
        return same.Length is > 0 and < 4 ? $"Did you mean {string.Join(" or ", same)}?" : null;
    }

    /// <summary>The number of insertions, deletions, replacements and swaps of neighbours between two words.</summary>
    private static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (int j = 0; j <= b.Length; j++)
            d[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                d[i, j] = Math.Min(replace, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }

        return d[a.Length, b.Length];
    }
}
