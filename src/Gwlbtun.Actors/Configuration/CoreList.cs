using System.Globalization;

namespace Gwlbtun.Actors.Configuration;

/// <summary>Lists of cores as the command line writes them: <c>1-2,4,7-8</c>.</summary>
internal static class CoreList
{
    /// <summary>The kernel's bound of CPU numbers (CONFIG_NR_CPUS is at most 8192).</summary>
    private const int Limit = 8192;

    /// <summary>Reads a list in the order in which it is written; a core may be named more than once. An empty text is an empty list.</summary>
    public static bool TryParse(string text, out IReadOnlyList<int> cores)
    {
        var list = new List<int>();
        cores = list;
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-', StringSplitOptions.TrimEntries);
            if (ends.Length > 2 || !TryParseCore(ends[0], out int first) || !TryParseCore(ends[^1], out int last) || last < first)
                return false;
            list.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return list.Count > 0 || string.IsNullOrWhiteSpace(text);
    }

    /// <summary>Writes ascending cores with ranges, for messages.</summary>
    public static string Format(IEnumerable<int> cores)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (int core in cores.Distinct().Order())
        {
            if (ranges.Count > 0 && ranges[^1].Last == core - 1)
                ranges[^1] = (ranges[^1].First, core);
            else
                ranges.Add((core, core));
        }

        return string.Join(',', ranges.Select(r => r.First == r.Last ? $"{r.First}" : $"{r.First}-{r.Last}"));
    }

    private static bool TryParseCore(string text, out int core) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out core) && core < Limit;
}
