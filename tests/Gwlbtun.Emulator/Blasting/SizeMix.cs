using System.Globalization;

namespace Gwlbtun.Emulator.Blasting;

/// <summary>Inner packet sizes in a repeating order: one size, or a mix such as <c>64:7,576:4,1400:1</c> (IMIX).</summary>
internal sealed class SizeMix
{
    private const int MaximumSize = 65_000;
    private const int MaximumShare = 1_000;

    private readonly int[] _sizes;
    private readonly string _text;

    private SizeMix(int[] sizes, string text)
    {
        _sizes = sizes;
        _text = text;
    }

    public int Period => _sizes.Length;

    public int this[ulong index] => _sizes[index % (ulong)_sizes.Length];

    public bool HasAbove(int size) => _sizes.Any(some => some > size);

    /// <summary>How it was written.</summary>
    public override string ToString() => _text;

    public static SizeMix Parse(string text)
    {
        List<int> sizes = [];
        foreach (string part in text.Split(','))
        {
            string[] pair = part.Split(':');
            if (pair.Length > 2
                || !int.TryParse(pair[0], NumberStyles.None, CultureInfo.InvariantCulture, out int size) || size is < 1 or > MaximumSize
                || !int.TryParse(pair.Length == 2 ? pair[1] : "1", NumberStyles.None, CultureInfo.InvariantCulture, out int share) || share is < 1 or > MaximumShare)
                throw new FormatException($"'{text}' is no mix of sizes: write SIZE[:SHARE],..., with sizes up to {MaximumSize} bytes, such as 64:7,576:4,1400:1.");
            sizes.AddRange(Enumerable.Repeat(size, share));
        }

        return new SizeMix([.. sizes], text);
    }
}
