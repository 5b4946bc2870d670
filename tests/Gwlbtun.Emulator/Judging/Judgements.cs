using System.Globalization;

namespace Gwlbtun.Emulator.Judging;

/// <summary>How often each judgement was passed. Written by one thread.</summary>
internal sealed class Judgements
{
    private const string MetricPrefix = "PacketsDroppedCount_";

    private readonly long[] _counts = new long[Enum.GetValues<Judgement>().Length];

    public long this[Judgement judgement] => _counts[(int)judgement];

    public void Add(Judgement judgement) => _counts[(int)judgement]++;

    /// <summary>Every fault with its count, zeros included.</summary>
    public IReadOnlyDictionary<string, long> Faults() =>
        Enum.GetValues<Judgement>().Where(judgement => judgement != Judgement.Accepted).ToDictionary(judgement => judgement.ToString(), judgement => this[judgement]);

    /// <summary>Faults that were found and are not allowed.</summary>
    public IReadOnlyList<string> Objections(IReadOnlySet<Judgement> allowed) =>
        [.. Enum.GetValues<Judgement>()
            .Where(judgement => judgement != Judgement.Accepted && this[judgement] != 0 && !allowed.Contains(judgement))
            .Select(judgement => string.Create(CultureInfo.InvariantCulture, $"{judgement} {this[judgement]}"))];

    /// <summary>Reads a judgement's name, with or without the prefix of the CloudWatch metrics.</summary>
    public static bool TryParse(string name, out Judgement judgement) =>
        Enum.TryParse(name, ignoreCase: true, out judgement) || Enum.TryParse(MetricPrefix + name, ignoreCase: true, out judgement);
}
