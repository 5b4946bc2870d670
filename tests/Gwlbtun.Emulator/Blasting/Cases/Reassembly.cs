namespace Gwlbtun.Emulator.Blasting.Cases;

/// <summary>What a returned fragment brought.</summary>
internal enum Progress
{
    /// <summary>Others are still missing.</summary>
    Incomplete,

    /// <summary>All is here now.</summary>
    Complete,

    /// <summary>Some of it was here before.</summary>
    Again,

    /// <summary>It has another identification or header than those before it: no receiver would put them together.</summary>
    Stray,

    /// <summary>Its datagram was given up: too many were sent since.</summary>
    TooLate,
}

/// <summary>Which parts of each datagram have come back, whatever the boundaries of the fragments: a ring over the last numbers.</summary>
internal sealed class Reassembly(int capacity)
{
    private const int Unit = 8; // of fragment offsets
    private const int UnitsPerWord = 64;

    private readonly Partial[] _ring = new Partial[capacity];

    /// <summary>Notes a fragment.</summary>
    /// <param name="number">Its datagram, from 0 on.</param>
    /// <param name="id">Its identification.</param>
    /// <param name="offset">Where it begins, a multiple of 8.</param>
    /// <param name="count">Its bytes.</param>
    /// <param name="total">Bytes of the datagram that are spread over fragments.</param>
    public Progress Add(long number, uint id, int offset, int count, int total)
    {
        ref Partial partial = ref _ring[number % capacity];
        if (partial.Tag > number + 1)
            return Progress.TooLate;
        if (partial.Tag <= number)
        {
            partial.Tag = number + 1;
            (partial.Id, partial.Total) = (id, total);
            partial.Missing = (total + Unit - 1) / Unit;
            int words = (partial.Missing + UnitsPerWord - 1) / UnitsPerWord;
            if (partial.Seen is null || partial.Seen.Length < words)
                partial.Seen = new ulong[words];
            Array.Clear(partial.Seen);
        }

        if (partial.Id != id || partial.Total != total)
            return Progress.Stray;
        for (int unit = offset / Unit; unit < (offset + count + Unit - 1) / Unit; unit++)
        {
            ref ulong word = ref partial.Seen![unit / UnitsPerWord];
            ulong bit = 1UL << unit % UnitsPerWord;
            if ((word & bit) != 0)
                return Progress.Again;
            word |= bit;
            partial.Missing--;
        }

        return partial.Missing == 0 ? Progress.Complete : Progress.Incomplete;
    }

    private struct Partial
    {
        /// <summary>The number and 1; 0 is none.</summary>
        public long Tag;

        public uint Id;
        public int Total;
        public int Missing;
        public ulong[]? Seen;
    }
}
